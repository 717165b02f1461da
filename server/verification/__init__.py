"""The verifier: a program of its own that recomputes the log and checks it against signed checkpoints."""

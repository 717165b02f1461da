"""Following the log: how the graph of this process comes to be, and stays, what the log says."""

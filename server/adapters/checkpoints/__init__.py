"""Checkpoints: signed statements of the log's head, kept outside the database."""

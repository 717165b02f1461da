"""Runs: the board, the queue, the worker."""

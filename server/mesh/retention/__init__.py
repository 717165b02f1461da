"""Letting go: batches whose time is over, and files that nothing names."""

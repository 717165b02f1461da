"""Contracts: what the batches of a dataset must satisfy and what must be hidden in them."""

"""Datasets: a name, a schema, and the batches that fill it."""

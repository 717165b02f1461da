"""The lineage engine: a graph in memory that answers at once, now and at any time of the past."""

"""Lineage: what is made of what, how sure that is, and what rests on it."""

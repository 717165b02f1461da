"""Batches: the rows that came at once, and their life from append to expiry."""

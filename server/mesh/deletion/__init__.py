"""Requests of erasure: whose rows are to go, by when, what became of it and how that is proven."""

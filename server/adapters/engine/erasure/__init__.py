"""Erasure in files: where a subject stands, and the files without it."""

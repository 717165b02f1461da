"""Erasure: a subject removed from every file of a lake, and the proof of it."""

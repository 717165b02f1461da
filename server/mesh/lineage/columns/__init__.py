"""Columns: what an edge says of them, read from SQL where it is given, and followed through the mesh."""

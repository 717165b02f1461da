"""Search: things of the mesh found by words, best match first."""

"""Rows of many files as pages, counts and streams."""

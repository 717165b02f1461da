"""Runs: work on data that outlives the request which asked for it."""

"""What changed between two positions of the log."""

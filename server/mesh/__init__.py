"""The business, a slice for each idea."""

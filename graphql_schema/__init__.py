"""The graph: thin types and resolvers over the slices."""

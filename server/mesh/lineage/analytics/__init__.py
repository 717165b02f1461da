"""Analytics: the mesh as a whole, computed on the graph or counted in tables."""

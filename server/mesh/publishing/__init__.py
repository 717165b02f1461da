"""Publishing for other engines: the Delta table of each dataset, a projection of the catalog onto storage."""

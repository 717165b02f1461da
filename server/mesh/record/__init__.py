"""Records: the rows of datasets, read and created one by one, whatever batches and files they stand in."""

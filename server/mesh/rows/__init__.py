"""Where the rows of datasets stand: the files of batches, and the copies that are read faster."""

"""Where the files are: keys, local disk, signed addresses."""

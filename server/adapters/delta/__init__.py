"""The Delta table on published files, through which other engines find them."""

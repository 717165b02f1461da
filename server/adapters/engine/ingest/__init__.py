"""A landed file to bronze: typed, compared with the dataset's keys, what does not fit set aside."""

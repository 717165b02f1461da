"""What columns of one table are made of, read from the SQL that fills it; a reason where that cannot be told."""

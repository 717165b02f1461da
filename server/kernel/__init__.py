"""Pure values that every room may use; knows nothing of databases, files or HTTP."""

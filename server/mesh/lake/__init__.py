"""Lakes: which datasets a region and a compliance level are kept for, and what is owed to whom."""

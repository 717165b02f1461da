"""Privacy rules over the columns of a batch: applied, proved, previewed, proposed."""

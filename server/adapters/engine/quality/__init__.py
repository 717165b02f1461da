"""Quality rules over the rows of a batch: judged, measured, shown by samples."""

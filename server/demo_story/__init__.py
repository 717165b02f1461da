"""What the demo plays: a small mesh, its batches and its lineage, as mutations that any client could send."""

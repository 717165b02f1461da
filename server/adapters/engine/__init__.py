"""DuckDB at work: typing CSV, judging rows, hiding values."""

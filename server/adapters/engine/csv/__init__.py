"""CSV: its header and its records, read quickly where they are plain and exactly where they are not."""

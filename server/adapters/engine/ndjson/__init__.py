"""NDJSON: its lines, read quickly where they are plain and exactly where they are not."""

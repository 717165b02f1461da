"""The formats in which rows leave the mesh."""

from enum import StrEnum


class DataFormat(StrEnum):
    """How rows are written to a file or a stream."""

    CSV = "CSV"
    NDJSON = "NDJSON"
    PARQUET = "PARQUET"
    ARROW = "ARROW"

"""Layers and formats of rows in the graph."""

from graphql_schema.enumeration import enumeration
from server.kernel import data_format, layer

Layer = enumeration(
    layer.Layer,
    name="Layer",
    description="How refined rows are.",
    BRONZE="Typed, as they came.",
    SILVER="With privacy rules applied.",
    GOLD="Published.",
)
DataFormat = enumeration(
    data_format.DataFormat,
    name="DataFormat",
    description="How rows are written to a file or a stream.",
    CSV="Comma-separated texts with a line of names (RFC 4180).",
    NDJSON="One JSON object on each line.",
    PARQUET="Apache Parquet, columnar.",
    ARROW="Apache Arrow's format for streams.",
)

"""Parquet without statistics of some columns: what a footer says of minimum and maximum is a value in clear."""

from collections.abc import Collection, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as parquet

from server.adapters.engine.batch_table import NAME
from server.adapters.engine.records.view import view_of
from server.adapters.engine.source import Source
from server.adapters.engine.steps import Steps
from server.kernel.fields import Field

ROWS_AT_ONCE = 122_880  # as DuckDB cuts its row groups; a wider one than read is never built


def without_statistics(source: Path, target: Path, columns: Collection[str], *, steps: Steps | None = None) -> int:
    """Write the rows of `source` to `target` in their order, one row group at a time; their number.

    `columns` have no minimum, no maximum, no bloom filter and no index there.
    """
    steps = steps or Steps()
    with parquet.ParquetFile(source) as file, _writer(target, file.schema_arrow, columns) as writer:
        for number in range(file.num_row_groups):
            steps.to((number + 1) / file.num_row_groups)
            writer.write_table(file.read_row_group(number), row_group_size=ROWS_AT_ONCE)
        return file.metadata.num_rows


def retyped(
    cursor: duckdb.DuckDBPyConnection,
    source: Source,
    fields: Sequence[Field],
    target: Path,
    columns: Collection[str],
) -> None:
    """Write the rows of one file to `target` in their order, read as these fields; `columns` as above."""
    view = view_of([source], fields)
    reader = cursor.sql(f"{view.sql} from {NAME}", params=dict(view.parameters)).to_arrow_reader(ROWS_AT_ONCE)
    with _writer(target, reader.schema, columns) as writer:
        for batch in reader:
            writer.write_batch(batch, row_group_size=ROWS_AT_ONCE)


def _writer(target: Path, schema: pa.Schema, columns: Collection[str]) -> parquet.ParquetWriter:
    return parquet.ParquetWriter(
        target,
        schema,
        compression="zstd",
        compression_level=3,
        write_statistics=[name for name in schema.names if name not in columns],
        store_schema=False,
        store_decimal_as_integer=True,
    )

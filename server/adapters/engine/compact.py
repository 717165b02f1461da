"""Many Parquet files of one shape as one: a copy of their rows in the order of `_id`, for reading only."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from server.adapters.engine.batch_table import ROW_ID, SYSTEM_TYPES, quoted
from server.adapters.engine.source import Source, noticing_gone
from server.kernel.fields import Field


def compact(cursor: duckdb.DuckDBPyConnection, parts: Sequence[Source], fields: Sequence[Field], target: Path) -> int:
    """Write the rows of `parts`, all with these fields behind the system columns, to `target`; their number.

    Raises: SourceGone.
    """
    columns = ", ".join(quoted(name) for name in (*SYSTEM_TYPES, *(field.name for field in fields)))
    queries: list[str] = []
    values: list[object] = []
    if whole := [str(part.path) for part in parts if part.batches is None]:
        queries.append(f"select {columns} from read_parquet(?)")  # noqa: S608  # names of the schema, quoted
        values.append(whole)
    for part in parts:
        if part.batches is not None:
            queries.append(f"select {columns} from read_parquet(?) where list_contains(?, _batch_id)")  # noqa: S608  # as above
            values += [str(part.path), list(part.batches)]
    with noticing_gone(parts):
        written = cursor.execute(
            f"copy (from ({' union all '.join(queries)}) order by {ROW_ID})"
            " to ? (format parquet, compression zstd, compression_level 1)",
            [*values, str(target)],
        ).fetchall()
    return int(written[0][0])

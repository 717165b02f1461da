"""Whole tables of records on their way out: NDJSON, CSV, Arrow in pieces as they are made, Parquet as a file."""

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from server.adapters.engine.batch_table import quoted
from server.adapters.engine.records.pages import Rows, Statement, all_rows
from server.adapters.engine.records.text import csv_header, csv_row, json_row
from server.adapters.engine.source import noticing_gone
from server.kernel.fields import Field

CELLS = 100_000  # values in one piece: about a megabyte of text
BLOCK_BYTES = 1024 * 1024
FEWEST_ROWS, MOST_ROWS = 64, 8_192


def ndjson(cursor: duckdb.DuckDBPyConnection, rows: Rows, shown: Sequence[Field]) -> Iterator[bytes]:
    """Each row as a JSON object on a line of its own."""
    written = json_row(shown, end="\n")
    return _lines(cursor, rows, shown, written.sql, written.parameters)


def csv(cursor: duckdb.DuckDBPyConnection, rows: Rows, shown: Sequence[Field]) -> Iterator[bytes]:
    """A line of names, then a line for each row."""
    written = csv_row(shown)
    yield csv_header(shown)
    yield from _lines(cursor, rows, shown, written.sql, written.parameters)


def arrow(cursor: duckdb.DuckDBPyConnection, rows: Rows, shown: Sequence[Field]) -> Iterator[bytes]:
    """The format of Arrow for streams: schema, record batches, end."""
    sink = io.BytesIO()
    reader = _reader(cursor, rows, all_rows(rows, _columns(shown), {}), shown)
    with pa.ipc.new_stream(sink, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)
            yield _taken(sink)
    yield _taken(sink)


def parquet(cursor: duckdb.DuckDBPyConnection, rows: Rows, shown: Sequence[Field], staged: Path) -> Iterator[bytes]:
    """A file of Parquet (zstd), made whole at `staged`, then sent; it is gone whatever happens."""
    statement = all_rows(rows, _columns(shown), {"target": str(staged)})
    try:
        with noticing_gone(rows.sources):
            cursor.execute(
                f"copy ({statement.sql}) to $target (format parquet, compression zstd)", statement.parameters
            ).fetchall()  # an answer read to its end lets go of the cursor
        with staged.open("rb") as file:
            while piece := file.read(BLOCK_BYTES):
                yield piece
    finally:
        staged.unlink(missing_ok=True)


def _lines(
    cursor: duckdb.DuckDBPyConnection, rows: Rows, shown: Sequence[Field], line: str, parameters: Mapping[str, Any]
) -> Iterator[bytes]:
    for batch in _reader(cursor, rows, all_rows(rows, f"{line} as line", parameters), shown):
        lines = batch.column(0)
        _, offsets, data = lines.buffers()
        if offsets is not None and data is not None:
            places = memoryview(offsets).cast("i")
            yield bytes(memoryview(data)[places[lines.offset] : places[lines.offset + len(lines)]])


def _reader(
    cursor: duckdb.DuckDBPyConnection, rows: Rows, statement: Statement, shown: Sequence[Field]
) -> pa.RecordBatchReader:
    # a relation, because the answer to `execute` would first be gathered as a whole
    with noticing_gone(rows.sources):
        relation = cursor.sql(statement.sql, params=dict(statement.parameters))
        reader: pa.RecordBatchReader = relation.to_arrow_reader(max(FEWEST_ROWS, min(MOST_ROWS, CELLS // len(shown))))
    return reader


def _columns(shown: Sequence[Field]) -> str:
    return ", ".join(quoted(field.name) for field in shown)


def _taken(sink: io.BytesIO) -> bytes:
    piece = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return piece

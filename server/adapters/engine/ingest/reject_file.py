"""The reject file: each record that did not become a row, with its line, its reason and its text as it was uploaded."""

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as parquet

from server.adapters.engine.ingest.block import Block
from server.adapters.engine.ingest.gaps import Gaps

# `column` and `ordinal` are null where the record could not be cut into fields; `raw` holds personal data
COLUMNS: Sequence[tuple[str, pa.DataType]] = [
    ("line", pa.int64()),
    ("column", pa.string()),
    ("reason", pa.string()),
    ("raw", pa.string()),
    ("ordinal", pa.int64()),
]
SCHEMA = pa.schema(COLUMNS)
FLUSH_ROWS = 8_192
FLUSH_CHARACTERS = 4 * 1024 * 1024


class RejectFile:
    """Takes rejects in any order and writes them sorted by line. Without a reject there is no file.

    `gaps`: of the file that they stand in; what is written down are the lines and ordinals of the upload.
    """

    def __init__(self, path: Path, gaps: Gaps) -> None:
        self._path = path
        self._gaps = gaps
        self._line_of = gaps.line_of()
        self._unsorted = path.with_name(f"{path.name}.unsorted")
        self._writer: parquet.ParquetWriter | None = None
        self._waiting: list[tuple[int, str | None, str, str, int | None]] = []
        self._characters = 0
        self.count = 0

    def add(self, line: int, reason: str, raw: str, *, column: str | None = None, ordinal: int | None = None) -> None:
        """Set one record aside, by its line in the file and its ordinal in the upload."""
        self._waiting.append((self._line_of(line), column, reason, raw, ordinal))
        self._characters += len(raw)
        self.count += 1
        if len(self._waiting) >= FLUSH_ROWS or self._characters >= FLUSH_CHARACTERS:
            self._flush()

    def add_broken(self, block: Block, first: int) -> None:
        """Set the records aside that the block could not read. `first`: the ordinal of its first readable one."""
        lines = block.lines_of([broken.start for broken in block.broken])
        for line, broken in zip(lines, block.broken, strict=True):
            ordinal = None if broken.ordinal is None else self._gaps.place(first + broken.ordinal)
            self.add(line, broken.reason, block.raw(broken.start, broken.behind), ordinal=ordinal)

    def finish(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Write the file."""
        if self.count == 0:
            return
        self._flush()
        self._close()
        cursor.execute(
            "copy (select * from read_parquet($1) order by line) to $2 (format parquet, compression zstd)",
            [str(self._unsorted), str(self._path)],
        ).fetchall()

    def discard(self) -> None:
        """Close and remove what is only needed before `finish`."""
        self._close()
        self._unsorted.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _flush(self) -> None:
        if not self._waiting:
            return
        writer = self._writer or parquet.ParquetWriter(self._unsorted, SCHEMA, compression="zstd")
        self._writer = writer
        columns: Sequence[Sequence[object]] = list(zip(*self._waiting, strict=True))
        arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
        writer.write_batch(pa.record_batch(arrays, schema=SCHEMA))
        self._waiting.clear()
        self._characters = 0

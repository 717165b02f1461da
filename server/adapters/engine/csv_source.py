"""A landed CSV file read once from front to end: kept, digested, checked to be text, and cut into blocks of rows."""

import codecs
import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from server.adapters.engine.csv_block import BOM, Block, columns_of, read_block
from server.adapters.engine.csv_header import Header, read_header
from server.adapters.engine.csv_records import MAX_REACH, breaks_in, out_of_reach
from server.kernel.errors import InvalidData
from server.kernel.fields import Field
from server.kernel.record import record

BLOCK_BYTES = 1024 * 1024
PLACE_ROWS = 1_024  # how finely the rows can be found again
ORDINAL = "n"
PACKED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"PAR1": "Parquet",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"ARROW1": "Arrow",
    b"%PDF-": "PDF",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


@record
class Place:
    """Where some rows stand in the file, to read them again: bytes, first line, and the ordinals of the rows."""

    offset: int
    size: int
    line: int
    first: int
    rows: int


class CsvSource:
    """One reading of a file. `header` and the counts are true of what has been read so far.

    `rows`: records that can be read; `broken`: those that cannot, each handed to `set_aside` with its block.
    """

    def __init__(
        self,
        landed: BinaryIO,
        kept: BinaryIO | None,
        fields: Sequence[Field],
        set_aside: Callable[[Block], None],
        progress: Callable[[int], None],
        block_bytes: int = BLOCK_BYTES,
    ) -> None:
        self._landed = landed
        self._kept = kept
        self._set_aside = set_aside
        self._progress = progress
        self._block_bytes = block_bytes
        self._digest = hashlib.sha256()
        self._line = 1
        self._pending = b""
        self._offset = 0
        self.size = 0
        self.rows = 0
        self.broken = 0
        self.places: list[Place] = []
        self.header = self._find_header(fields)

    @property
    def sha256(self) -> str:
        """Of the bytes read, hex."""
        return self._digest.hexdigest()

    @property
    def schema(self) -> pa.Schema:
        """Of the batches: the ordinal, then the columns of the file as text."""
        columns: list[tuple[str, pa.DataType]] = [(ORDINAL, pa.int64())]
        columns += [(name, pa.string()) for name in columns_of(self.header.syntax)]
        return pa.schema(columns)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows in the file's order, each with its ordinal from 0. Raises: InvalidData."""
        final = False
        while not final:
            final = self._read_on()
            if not self._pending:
                return
            block = read_block(self._pending, self.header.syntax, line=self._line, final=final)
            if block.consumed == 0 and len(self._pending) > MAX_REACH:
                raise out_of_reach(self._line)
            yield from self._take(block)

    def _take(self, block: Block) -> Iterator[pa.RecordBatch]:
        rows = block.rows.num_rows
        if block.broken:
            self._set_aside(block)
            self.broken += len(block.broken)
        if rows:
            self._mark(block, rows)
            ordinals = pa.array(np.arange(self.rows, self.rows + rows))
            yield pa.record_batch([ordinals, *block.rows.columns], schema=self.schema)
        self.rows += rows
        self._advance(block.consumed, block.lines_of([block.consumed])[0] - self._line)
        self._progress(self.rows)

    def _mark(self, block: Block, rows: int) -> None:
        marks = list(range(0, rows, PLACE_ROWS))
        starts: list[int] = block.starts[marks].tolist()
        lines, behinds = block.lines_of(starts), [*starts[1:], block.consumed]
        for mark, line, start, behind in zip(marks, lines, starts, behinds, strict=True):
            self.places.append(
                Place(
                    offset=self._offset + start,
                    size=behind - start,
                    line=line,
                    first=self.rows + mark,
                    rows=min(PLACE_ROWS, rows - mark),
                )
            )

    def _advance(self, consumed: int, lines: int) -> None:
        self._pending = self._pending[consumed:]
        self._offset += consumed
        self._line += lines

    def _read_on(self) -> bool:
        """Take in the next bytes; whether there were none."""
        octets = self._landed.read(self._block_bytes)
        self._digest.update(octets)
        self.size += len(octets)
        if self._kept is not None:
            self._kept.write(octets)
        self._pending += octets
        self._check_text(final=not octets)
        return not octets

    def _check_text(self, *, final: bool) -> None:
        where = self._pending.find(b"\0")
        fault = "holds a NUL byte"
        if where < 0 and not self._pending.isascii():
            try:
                codecs.utf_8_decode(self._pending, "strict", final)
            except UnicodeDecodeError as error:
                where, fault = error.start, "is not UTF-8"
        if where < 0:
            return
        kind = next(
            (kind for magic, kind in PACKED.items() if self._offset == 0 and self._pending.startswith(magic)), None
        )
        if kind:
            raise InvalidData(f"the file is {kind}, not CSV; write it as CSV in UTF-8 and upload that")
        line = self._line + breaks_in(self._pending[:where])
        raise InvalidData(f"line {line} {fault}; write the file as CSV in UTF-8 and upload it again", line=line)

    def _find_header(self, fields: Sequence[Field]) -> Header:
        final = False
        while not final:
            final = self._read_on()
            if final and self._pending in (b"", BOM):
                raise InvalidData("the file is empty; its first line must be the header with the names of the columns")
            mark = len(BOM) if self._pending.startswith(BOM) else 0
            header = read_header(self._pending[mark:], fields, final=final)
            if header is not None:
                self._advance(mark + header.behind, header.lines)
                return header
        raise AssertionError("a file that has ended has a header or was refused")

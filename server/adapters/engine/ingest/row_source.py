"""The rows of a text file, block by block, and the places at which some of them can be read again."""

from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, Protocol

import numpy as np
import pyarrow as pa

from server.adapters.engine.csv.records import out_of_reach
from server.adapters.engine.ingest.block import MAX_REACH, Block, Offsets, column_names
from server.adapters.engine.ingest.gaps import Gaps
from server.adapters.engine.ingest.job import Progress
from server.adapters.engine.ingest.text_file import TextFile
from server.adapters.engine.typed_text import Guard
from server.kernel.record import record

PLACE_ROWS = 1_024  # how finely the rows can be found again
ORDINAL = "n"


class ReadBlock(Protocol):
    """Reads the complete records at the front of a text that starts where a record starts. Raises: InvalidData."""

    def __call__(self, text: bytes, *, line: int, final: bool) -> Block: ...


@record
class Form:
    """How the records of one file are read: into how many columns, and what is asked of their cells."""

    columns: int
    read_block: ReadBlock
    guards: tuple[Guard, ...]


@record
class Place:
    """Where some rows stand in the text: bytes, first line, the first one's ordinal, the ordinal behind them.

    `first` is counted in the file, `behind` as in the upload.
    """

    offset: int
    size: int
    line: int
    first: int
    behind: int
    rows: int


class RowSource:
    """The rows of a file whose header, if it has one, was read. The counts are true of what has been read so far.

    `readable`: records that have an ordinal; `broken`: those without a row, each handed to `set_aside` with its block
    and the ordinal of the block's first. Rows have the ordinals of the upload, around the `gaps` that the file has.
    """

    def __init__(
        self, file: TextFile, form: Form, set_aside: Callable[[Block, int], None], progress: Progress, gaps: Gaps
    ) -> None:
        self.file = file
        self.form = form
        self._set_aside = set_aside
        self._progress = progress
        self._gaps = gaps
        self.readable = 0
        self.rows = 0
        self.broken = 0
        self.places: list[Place] = []

    @property
    def schema(self) -> pa.Schema:
        """Of the batches: the ordinal, then the columns of the file as text."""
        columns: list[tuple[str, pa.DataType]] = [(ORDINAL, pa.int64())]
        columns += [(name, pa.string()) for name in column_names(self.form.columns)]
        return pa.schema(columns)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows in the file's order, each with its ordinal from 0. Raises: InvalidData."""
        file, final = self.file, False
        while not final:
            final = file.read_on()
            if not file.pending:
                continue
            block = self.form.read_block(file.pending, line=file.line, final=final)
            if block.consumed == 0 and len(file.pending) > MAX_REACH:
                raise out_of_reach(file.line)
            yield from self._take(block)

    def again(self, text: BinaryIO, place: Place) -> tuple[Block, Offsets]:
        """The block of a place, read once more, and the ordinals of its rows."""
        text.seek(place.offset)
        # a place ends where a record does: nothing that follows can belong to it
        block = self.form.read_block(text.read(place.size), line=place.line, final=True)
        return block, self._gaps.placed(block.ordinals + place.first)

    def _take(self, block: Block) -> Iterator[pa.RecordBatch]:
        rows = block.rows.num_rows
        if block.broken:
            self._set_aside(block, self.readable)
            self.broken += len(block.broken)
        if rows:
            self._mark(block, rows)
            ordinals = pa.array(self._gaps.placed(block.ordinals + self.readable))
            yield pa.record_batch([ordinals, *block.rows.columns], schema=self.schema)
        self.rows += rows
        self.readable += block.readable
        self.file.advance(block.consumed, block.lines_of([block.consumed])[0] - self.file.line)
        self._progress(self.readable, self.file.share)

    def _mark(self, block: Block, rows: int) -> None:
        marks = list(range(0, rows, PLACE_ROWS))
        starts: list[int] = block.starts[marks].tolist()
        firsts: Sequence[int] = (block.ordinals[marks] + self.readable).tolist()
        lines = block.lines_of(starts)
        behinds: Sequence[int] = self._gaps.placed(np.array([*firsts[1:], self.readable + block.readable])).tolist()
        ends = zip([*starts[1:], block.consumed], behinds, strict=True)
        for mark, line, start, first, (end, behind) in zip(marks, lines, starts, firsts, ends, strict=True):
            self.places.append(
                Place(
                    offset=self.file.offset + start,
                    size=end - start,
                    line=line,
                    first=first,
                    behind=behind,
                    rows=min(PLACE_ROWS, rows - mark),
                )
            )

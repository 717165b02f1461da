"""A block of a text file: the rows that could be read from it, as columns of text, and where each of them stands."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from server.kernel.record import record

Offsets: TypeAlias = NDArray[np.int64]

MAX_RECORD = 256 * 1024  # bytes of one record that we type; a longer one is set aside
MAX_REACH = 16 * 1024 * 1024  # bytes that a record may take at all before its file is refused


@record
class Broken:
    """A record without a row: bytes `start` to `behind`, line end included, and why.

    `ordinal`: its place among the block's readable records, where it is one of them.
    """

    start: int
    behind: int
    reason: str
    ordinal: int | None = None


@record
class Block:
    """Whole records from offset 0 up to `consumed`. `rows` has one column of text, `c0`, `c1` …, for each field.

    `starts` and `behinds` place each row in the text, line end included; `breaks` lie behind each line end.
    `ordinals`: each row's place, from 0, among the block's `readable` records.
    """

    text: bytes
    line: int
    rows: pa.RecordBatch
    starts: Offsets
    behinds: Offsets
    ordinals: Offsets
    readable: int
    breaks: Offsets
    broken: tuple[Broken, ...]
    consumed: int

    def lines_of(self, starts: Sequence[int] | Offsets) -> list[int]:
        """The numbers of the physical lines on which these bytes stand."""
        lines: list[int] = (np.searchsorted(self.breaks, starts, side="right") + self.line).tolist()
        return lines

    def raw(self, start: int, behind: int) -> str:
        """The record as it was uploaded, cut short where it is very long."""
        return shown_record(self.text[start:behind])


def shown_record(octets: bytes) -> str:
    """A record as a reject shows it: without its line end, cut after MAX_RECORD bytes."""
    octets = octets[:-2] if octets.endswith(b"\r\n") else octets.removesuffix(b"\n").removesuffix(b"\r")
    return octets[:MAX_RECORD].decode(errors="ignore")  # sound UTF-8, but the cut may divide a character


def breaks_in(text: bytes) -> int:
    """How many line ends there are, each of CR LF, LF and CR counted as one."""
    return text.count(b"\n") + text.count(b"\r") - text.count(b"\r\n")


def column_names(columns: int) -> list[str]:
    """The names of a block's columns."""
    return [f"c{index}" for index in range(columns)]

"""Gaps: which records a raw file no longer has, so that those it has keep the numbers they came with."""

import json
from bisect import bisect_right
from collections.abc import Callable, Iterable
from itertools import accumulate
from pathlib import Path

import numpy as np

from server.adapters.engine.ingest.block import Offsets
from server.kernel.record import record


@record
class Gaps:
    """What is gone, numbered as in the upload, ascending: ordinals of records, and (first line, how many lines)."""

    ordinals: tuple[int, ...] = ()
    lines: tuple[tuple[int, int], ...] = ()

    def placed(self, ordinals: Offsets) -> Offsets:
        """The ordinals in the upload of records that have these in the file."""
        if not self.ordinals:
            return ordinals
        gone = np.array(self.ordinals, np.int64)
        left_before = gone - np.arange(len(gone))
        placed: Offsets = ordinals + np.searchsorted(left_before, ordinals, side="right")
        return placed

    def place(self, ordinal: int) -> int:
        """One of them."""
        return int(self.placed(np.array([ordinal], np.int64))[0])

    def line_of(self) -> Callable[[int], int]:
        """The line in the upload, by the line in the file."""
        gone = [0, *accumulate(count for _, count in self.lines)]
        left_before = [first - before for (first, _), before in zip(self.lines, gone, strict=False)]
        return lambda line: line + gone[bisect_right(left_before, line)]

    def widened(self, ordinals: Iterable[int], lines: Iterable[tuple[int, int]]) -> "Gaps":
        """These gaps and more."""
        return Gaps(
            ordinals=tuple(sorted({*self.ordinals, *ordinals})),
            lines=tuple(sorted({*self.lines, *lines})),
        )


NO_GAPS = Gaps()


def write_gaps(target: Path, gaps: Gaps) -> None:
    """Write the file that stands beside a raw file with gaps: numbers, and nothing of what stood there."""
    target.write_text(json.dumps({"ordinals": gaps.ordinals, "lines": gaps.lines}))


def read_gaps(source: Path) -> Gaps:
    """Read it back."""
    content = json.loads(source.read_text())
    return Gaps(
        ordinals=tuple(content["ordinals"]),
        lines=tuple((first, count) for first, count in content["lines"]),
    )

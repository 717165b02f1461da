"""Where the rows of a batch come from: how their file was written, and what they may not collide with."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from server.adapters.engine.ingest.gaps import NO_GAPS, Gaps
from server.adapters.engine.source import Source
from server.kernel.files import CsvOptions, FileFormat
from server.kernel.record import record


@record
class Origin:
    """How a file came: CSV by these options, columns that it may carry besides, its format where that is known.

    `gaps`: the records that an erasure has taken from it.
    """

    csv: CsvOptions = CsvOptions()
    ignored: frozenset[str] = frozenset()
    format: FileFormat | None = None
    gaps: Gaps = NO_GAPS


ANY_FILE = Origin()
Existing: TypeAlias = Callable[[], Awaitable[Sequence[Source]]]

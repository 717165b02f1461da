"""A source of rows: one Parquet file, and which of its rows count."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from server.kernel.errors import Unavailable
from server.kernel.fields import Field
from server.kernel.record import record


@record
class Source:
    """One Parquet file from which rows are read.

    `fields`: the columns behind the system columns; `batches`: bare ids of the batches whose rows count, None for all
    of the file; `rows`: how many count; `holds`: bare ids of the batches that those rows belong to, empty where that
    is not known.
    """

    path: Path
    fields: tuple[Field, ...]
    batches: tuple[str, ...] | None = None
    rows: int = 0
    holds: tuple[str, ...] = ()


class SourceGone(Unavailable):
    """A file went between the look at the catalog and the read of its rows: look again."""


@contextmanager
def noticing_gone(sources: Sequence[Source]) -> Generator[None]:
    """Around a read of them. Raises: SourceGone, where it failed because a file is not there any more."""
    try:
        yield
    except duckdb.IOException as error:
        if all(source.path.exists() for source in sources):
            raise
        raise SourceGone("the files of this dataset are being replaced; try again in a moment") from error

"""What an erasure looks through, what it found there, and what it wrote instead."""

from pathlib import Path

from server.adapters.engine.ingest.gaps import NO_GAPS, Gaps
from server.kernel.fields import Field, TypeName
from server.kernel.files import CsvOptions, FileFormat
from server.kernel.record import record


@record
class BatchFiles:
    """The files of one batch that count. `fields`: the columns of bronze; `gaps`: those of `raw`.

    `csv`: the options by which raw was read, None for the defaults. `samples`: those of every attempt.
    """

    raw: Path
    format: FileFormat
    csv: CsvOptions | None
    rejects: Path | None
    bronze: Path
    silver: Path | None
    gold: Path | None
    samples: tuple[Path, ...]
    fields: tuple[Field, ...]
    gaps: Gaps = NO_GAPS

    def columns_of(self, *types: TypeName) -> frozenset[str]:
        """The names of the columns of these types."""
        return frozenset(field.name for field in self.fields if field.data_type.name in types)

    @property
    def keys(self) -> frozenset[str]:
        """The columns that name the person of a row."""
        return frozenset(field.name for field in self.fields if field.subject_key)


@record
class Cut:
    """A record of raw text that goes, or stays with other bytes: `start` to `behind`, line end included.

    Both count bytes of the text in UTF-8. `instead` None: it goes, with `lines` lines from `line`; numbers are those of
    the upload. `ordinal` None: a record that has none.
    """

    start: int
    behind: int
    instead: bytes | None
    ordinal: int | None
    line: int
    lines: int


@record
class Mended:
    """A cell of a row that stays: words in it, by its row's ordinal in the upload and its column, are to go."""

    ordinal: int
    column: str


@record
class Traces:
    """Where a subject stands in a batch. `rows`: ordinals in the upload of the records that go, ascending.

    `mended`: cells of bronze that stay without a word. `cuts`: in raw text, in its order; `raw_mended`: in raw Parquet.
    `raw_footer`: whether what a Parquet file says beside its rows goes.
    `rejects`, `samples`: whether, and which of them, change.
    """

    rows: tuple[int, ...] = ()
    mended: tuple[Mended, ...] = ()
    cuts: tuple[Cut, ...] = ()
    raw_mended: tuple[Mended, ...] = ()
    raw_footer: bool = False
    rejects: bool = False
    samples: tuple[Path, ...] = ()

    @property
    def found(self) -> bool:
        """Whether any file changes."""
        return self.touches_files or bool(self.samples)

    @property
    def records(self) -> int:
        """How many records go or change, those that could not be read among them."""
        cut = {cut.ordinal for cut in self.cuts if cut.ordinal is not None}
        mended = {one.ordinal for one in (*self.mended, *self.raw_mended)}
        return len(cut | mended | {*self.rows}) + sum(cut.ordinal is None for cut in self.cuts)

    @property
    def touches_files(self) -> bool:
        """Whether more than samples change."""
        return bool(self.rows or self.mended or self.cuts or self.raw_mended or self.raw_footer or self.rejects)


@record
class Targets:
    """New files, one for each of a batch's; `samples` in the order of theirs. `gaps` goes beside raw."""

    raw: Path
    gaps: Path
    rejects: Path
    bronze: Path
    silver: Path
    gold: Path
    samples: tuple[Path, ...]


@record
class Rewritten:
    """What was written. `written`: the targets that are there; a file whose target is not among them stays.

    `emptied`: the target of rejects of which none is left, so that there is no such file any more.
    `raw_sha256` (hex) and `size_bytes` are of raw where it changed. `erased_*` count rows that went;
    `row_count` and `rejected_row_count` those that are left.
    """

    written: frozenset[Path]
    emptied: frozenset[Path]
    raw_sha256: str | None
    size_bytes: int | None
    erased_bronze: int
    erased_silver: int
    erased_gold: int
    erased_rejects: int
    row_count: int
    rejected_row_count: int

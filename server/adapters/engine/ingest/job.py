"""What becomes of a landed file, and what came of it: the same for every format."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from server.adapters.engine.ingest.gaps import NO_GAPS, Gaps
from server.kernel.fields import Field
from server.kernel.files import CsvOptions, FileFormat
from server.kernel.record import record

BLOCK_BYTES = 1024 * 1024

# Hears how many records were read and how large a share of the file they are, 0 to 1; from any thread.
Progress: TypeAlias = Callable[[int, float], None]


@record
class IngestJob:
    """What becomes of a landed file. The three paths are new files in directories that the engine may use.

    `raw` None: the source is kept already. `batch` is the bare id; row n, from 0, gets `_id` `<batch>-<n, 12 digits>`.
    `ignored`: columns that the file may still carry although the schema has them no more. `format` None: recognised.
    `gaps`: records that the file lacks; the others are numbered as if they were there.
    """

    fields: tuple[Field, ...]
    batch: str
    created_at: datetime
    bronze: Path
    rejects: Path
    raw: Path | None
    block_bytes: int = BLOCK_BYTES
    csv: CsvOptions = CsvOptions()
    ignored: frozenset[str] = frozenset()
    format: FileFormat | None = None
    gaps: Gaps = NO_GAPS


@record
class Ingested:
    """What was written. `sha256` (hex) and `size_bytes` are of the file as it came.

    With 0 rejects there is no file of them. `taken_keys`: rejects whose primary key the dataset has already.
    """

    row_count: int
    rejected_row_count: int
    sha256: str
    size_bytes: int
    format: FileFormat = FileFormat.CSV
    taken_keys: int = 0

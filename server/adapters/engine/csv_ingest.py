"""CSV to bronze: one reading of the file types its rows, keeps its bytes and sets aside what does not fit."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import duckdb
import pyarrow as pa

from server.adapters.engine.csv_rejects import RejectFile
from server.adapters.engine.csv_source import BLOCK_BYTES, ORDINAL, CsvSource
from server.adapters.engine.csv_suspects import set_aside_suspects
from server.adapters.engine.csv_types import Guard, guards_of
from server.kernel.fields import Field
from server.kernel.record import record

ROWS = "landed_rows"


@record
class IngestJob:
    """What becomes of a landed file. The three paths are new files in directories that the engine may use.

    `raw` None: the source is kept already. `batch` is the bare id; row n, from 0, gets `_id` `<batch>-<n, 12 digits>`.
    """

    fields: tuple[Field, ...]
    batch: str
    created_at: datetime
    bronze: Path
    rejects: Path
    raw: Path | None
    block_bytes: int = BLOCK_BYTES


@record
class Ingested:
    """What was written. `sha256` (hex) and `size_bytes` are of the file as it came.

    With 0 rejects there is no file of them.
    """

    row_count: int
    rejected_row_count: int
    sha256: str
    size_bytes: int


def ingest_csv(
    cursor: duckdb.DuckDBPyConnection, source: Path, job: IngestJob, progress: Callable[[int], None]
) -> Ingested:
    """Type the rows of `source`. `progress` hears how many records were read, from any thread.

    After a refusal none of the job's files is there. Raises: InvalidData.
    """
    rejects = RejectFile(job.rejects)
    try:
        with source.open("rb", buffering=0) as landed, _kept(job.raw) as kept:
            reading = CsvSource(landed, kept, job.fields, rejects.add_broken, progress, job.block_bytes)
            guards = guards_of(job.fields, reading.header.columns)
            rows = _copy_rows(cursor, reading, guards, job)
        if rows < reading.rows:
            set_aside_suspects(cursor, job.raw or source, reading, guards, job.bronze, rejects)
        if rows + rejects.count != reading.rows + reading.broken:
            raise RuntimeError(f"{rows} rows and {rejects.count} rejects of {reading.rows + reading.broken} records")
        rejects.finish(cursor)
        return Ingested(
            row_count=rows, rejected_row_count=rejects.count, sha256=reading.sha256, size_bytes=reading.size
        )
    except BaseException:
        for path in (job.bronze, job.rejects, job.raw):
            if path is not None:
                path.unlink(missing_ok=True)
        raise
    finally:
        rejects.discard()


def _kept(raw: Path | None) -> AbstractContextManager[BinaryIO | None]:
    return nullcontext() if raw is None else raw.open("wb")


def _copy_rows(cursor: duckdb.DuckDBPyConnection, reading: CsvSource, guards: Sequence[Guard], job: IngestJob) -> int:
    """Write the sound rows to bronze, in the file's order; how many there are."""
    errors: list[Exception] = []

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            yield from reading.batches()
        except Exception as error:
            errors.append(error)  # the engine wraps it in one of its own, which is not what the caller waits for
            raise

    values = "".join(f", {guard.value} as v{place}" for place, guard in enumerate(guards))
    sound = " and ".join(guard.sound for guard in guards)
    columns = "".join(f", v{place} as {_quoted(guard.field.name)}" for place, guard in enumerate(guards))
    # random() keeps the optimizer from pushing the test below the casts, where each cast would run twice
    query = f"""
        copy (
            select $1 || '-' || substr((1000000000000 + {ORDINAL})::varchar, 2) as _id,
                $1 as _batch_id, cast($2 as timestamptz) as _created_at{columns}
            from (
                select *, {sound} and random() >= 0 as sound
                from (select *{values} from {ROWS})
            )
            where sound
        ) to $3 (format parquet, compression zstd, compression_level 1)
        """  # noqa: S608 - numbered columns, and names from the schema in quotes
    cursor.register(ROWS, pa.RecordBatchReader.from_batches(reading.schema, batches()))
    try:
        answer = cursor.execute(query, [job.batch, job.created_at.isoformat(), str(job.bronze)]).fetchall()
    except duckdb.Error:
        if errors:
            raise errors[0] from None
        raise
    finally:
        cursor.unregister(ROWS)
    return int(answer[0][0])


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'

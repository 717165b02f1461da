"""Text to bronze: one reading of the file types its rows, keeps its bytes and sets aside what does not fit."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, TypeAlias

import duckdb
import pyarrow as pa

from server.adapters.engine.batch_table import quoted
from server.adapters.engine.ingest.block import Block
from server.adapters.engine.ingest.job import IngestJob, Progress
from server.adapters.engine.ingest.primary_keys import Repeated
from server.adapters.engine.ingest.reject_file import RejectFile
from server.adapters.engine.ingest.row_source import ORDINAL, RowSource
from server.adapters.engine.ingest.suspects import set_aside_suspects
from server.adapters.engine.ingest.text_file import PLAIN, Reading, TextFile

ROWS = "landed_rows"

OpenSource: TypeAlias = Callable[[TextFile, IngestJob, Callable[[Block, int], None], Progress], RowSource]
"""Reads what stands before the first record of a file. Raises: InvalidData."""


class TextRows:
    """The rows of one text file on their way to bronze. `records`: how many stand in the file."""

    def __init__(
        self, source: Path, job: IngestJob, reading: Reading, open_source: OpenSource, progress: Progress
    ) -> None:
        self._landed = source
        self._job = job
        self._reading = reading
        self._open_source = open_source
        self._progress = progress
        self._decoded = None if reading.encoding in PLAIN else job.bronze.with_name(f"{job.bronze.name}.utf8")
        self._source: RowSource | None = None

    @property
    def source(self) -> RowSource:
        """What was read, once `write` has begun."""
        assert self._source is not None, "a file is read before anything is asked of it"
        return self._source

    @property
    def records(self) -> int:
        """How many records the file has, readable or not."""
        return self.source.rows + self.source.broken

    @property
    def sha256(self) -> str:
        """Of the file as it came, hex."""
        return self.source.file.sha256

    @property
    def size(self) -> int:
        """Bytes of the file as it came."""
        return self.source.file.size

    def write(self, cursor: duckdb.DuckDBPyConnection, rejects: RejectFile) -> int:
        """Write the sound rows to bronze, in the file's order; how many there are. Raises: InvalidData."""
        with ExitStack() as files:
            landed = files.enter_context(self._landed.open("rb", buffering=0))

            def made(path: Path | None) -> BinaryIO | None:
                return None if path is None else files.enter_context(path.open("wb"))

            text = TextFile(landed, made(self._job.raw), made(self._decoded), self._reading)
            self._source = self._open_source(text, self._job, rejects.add_broken, self._progress)
            return self._copy(cursor, self._source)

    def set_aside(self, cursor: duckdb.DuckDBPyConnection, repeated: Repeated, rejects: RejectFile) -> None:
        """Set each row aside that is not in bronze, for its cells or for its key."""
        text = self._decoded or self._job.raw or self._landed
        nulls = self._job.csv.null_values
        set_aside_suspects(cursor, text, self.source, self._job.bronze, repeated, nulls, rejects)

    def discard(self) -> None:
        """Remove what is only needed on the way."""
        if self._decoded is not None:
            self._decoded.unlink(missing_ok=True)

    def _copy(self, cursor: duckdb.DuckDBPyConnection, source: RowSource) -> int:
        job, guards = self._job, source.form.guards
        errors: list[Exception] = []

        def batches() -> Iterator[pa.RecordBatch]:
            try:
                yield from source.batches()
            except Exception as error:
                errors.append(error)  # the engine wraps it in one of its own, which is not what the caller waits for
                raise

        values = "".join(f", {guard.value} as v{place}" for place, guard in enumerate(guards))
        sound = " and ".join(guard.sound for guard in guards)
        columns = "".join(f", v{place} as {quoted(guard.field.name)}" for place, guard in enumerate(guards))
        # random() keeps the optimizer from pushing the test below the casts, where each cast would run twice
        query = f"""
            copy (
                select $batch || '-' || substr((1000000000000 + {ORDINAL})::varchar, 2) as _id,
                    $batch as _batch_id, cast($at as timestamptz) as _created_at{columns}
                from (
                    select *, {sound} and random() >= 0 as sound
                    from (select *{values} from {ROWS})
                )
                where sound
            ) to $bronze (format parquet, compression zstd, compression_level 1)
            """  # noqa: S608 - numbered columns, and names from the schema in quotes
        given: dict[str, object] = {"batch": job.batch, "at": job.created_at.isoformat(), "bronze": str(job.bronze)}
        if "$nulls" in sound:
            given["nulls"] = list(job.csv.null_values)
        cursor.register(ROWS, pa.RecordBatchReader.from_batches(source.schema, batches()))
        try:
            return int(cursor.execute(query, given).fetchall()[0][0])
        except duckdb.Error:
            if errors:
                raise errors[0] from None
            raise
        finally:
            cursor.unregister(ROWS)

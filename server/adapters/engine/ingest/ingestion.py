"""A landed file to bronze, whatever its format: typed first, compared with the dataset's keys, then finished."""

from collections.abc import Sequence
from pathlib import Path
from typing import assert_never

import duckdb

from server.adapters.engine.csv.source import csv_source
from server.adapters.engine.ingest.job import Ingested, IngestJob, Progress
from server.adapters.engine.ingest.primary_keys import none_repeated, repeated_in_dataset, repeated_in_file, without
from server.adapters.engine.ingest.recognised import recognised
from server.adapters.engine.ingest.reject_file import RejectFile
from server.adapters.engine.ingest.text_file import CSV, Reading
from server.adapters.engine.ingest.text_rows import TextRows
from server.adapters.engine.ndjson.source import ndjson_source
from server.adapters.engine.parquet.rows import ParquetRows
from server.adapters.engine.source import Source
from server.kernel.files import UTF_8, FileFormat

__all__ = ["IngestJob", "Ingested", "Ingestion", "ingest", "typed"]


def ingest(
    cursor: duckdb.DuckDBPyConnection,
    source: Path,
    job: IngestJob,
    progress: Progress,
    existing: Sequence[Source] = (),
) -> Ingested:
    """Type the rows of `source`.

    `existing`: the files whose primary keys the rows may not have. After a refusal none of the job's files is there.
    Raises: InvalidData.
    """
    return typed(cursor, source, job, progress).finish(cursor, existing)


def typed(cursor: duckdb.DuckDBPyConnection, source: Path, job: IngestJob, progress: Progress) -> "Ingestion":
    """The file with its rows typed; it waits to be finished. Raises: InvalidData."""
    ingestion = Ingestion(source, job, progress)
    ingestion.type_rows(cursor)
    return ingestion


def _rows_of(source: Path, job: IngestJob, progress: Progress) -> tuple[FileFormat, TextRows | ParquetRows]:
    form = job.format or recognised(source, job)
    match form:
        case FileFormat.CSV:
            reading = Reading(kind=CSV, encoding=job.csv.encoding, block_bytes=job.block_bytes)
            return form, TextRows(source, job, reading, csv_source, progress)
        case FileFormat.NDJSON:
            reading = Reading(kind="NDJSON", encoding=UTF_8, block_bytes=job.block_bytes)
            return form, TextRows(source, job, reading, ndjson_source, progress)
        case FileFormat.PARQUET:
            return form, ParquetRows(source, job, progress)
        case _:
            assert_never(form)


class Ingestion:
    """One landed file on its way to bronze, in two steps: between them the dataset's keys may be locked.

    A step that raises leaves none of the job's files; `discard` is for those who give up between the two.
    """

    def __init__(self, source: Path, job: IngestJob, progress: Progress) -> None:
        self._job = job
        self._format, self._rows = _rows_of(source, job, progress)
        self._rejects = RejectFile(job.rejects, job.gaps)
        self._repeated = none_repeated(job.fields)
        self._written = 0

    def type_rows(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Write bronze: the rows with sound cells and a key that no row above has. Raises: InvalidData."""
        job = self._job
        try:
            self._written = self._rows.write(cursor, self._rejects)
            self._repeated = repeated_in_file(cursor, job.bronze, job.fields)
            without(cursor, job.bronze, self._repeated)
        except BaseException:
            self.discard()
            raise

    def finish(self, cursor: duckdb.DuckDBPyConnection, existing: Sequence[Source]) -> Ingested:
        """Leave out the rows whose key one of `existing` has; write down all that was set aside, and why."""
        job, rows, rejects = self._job, self._rows, self._rejects
        try:
            known = repeated_in_dataset(cursor, job.bronze, job.fields, job.batch, existing)
            without(cursor, job.bronze, known)
            repeated = self._repeated.with_more(known)
            count = self._written - len(repeated.ordinals)
            if count + rejects.count < rows.records:
                rows.set_aside(cursor, repeated, rejects)
            if count + rejects.count != rows.records:
                raise RuntimeError(f"{count} rows and {rejects.count} rejects of {rows.records} records")
            rejects.finish(cursor)
        except BaseException:
            self.discard()
            raise
        rows.discard()
        rejects.discard()
        return Ingested(
            row_count=count,
            rejected_row_count=rejects.count,
            sha256=rows.sha256,
            size_bytes=rows.size,
            format=self._format,
            taken_keys=len(known.ordinals),
        )

    def discard(self) -> None:
        """Remove everything that was written."""
        self._rows.discard()
        self._rejects.discard()
        for path in (self._job.bronze, self._job.rejects, self._job.raw):
            if path is not None:
                path.unlink(missing_ok=True)

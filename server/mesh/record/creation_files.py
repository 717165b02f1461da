"""The files of created records: raw as JSON lines, bronze by the same reading as every file, both or none."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from pathlib import Path

import duckdb

from server.adapters.engine.ingest.ingestion import Ingested, Ingestion, IngestJob
from server.adapters.engine.ingest.primary_keys import key_fields, repeated_in_dataset
from server.adapters.engine.ingest.rejects import Reject, read_rejects
from server.adapters.engine.session import Engine
from server.adapters.engine.source import Source
from server.adapters.storage import layout
from server.adapters.storage.durable import refusing_when_full
from server.adapters.storage.port import ObjectExists, Storage
from server.adapters.storage.staged import remove_staged
from server.kernel.errors import Conflict
from server.kernel.fields import Field
from server.kernel.files import FileFormat
from server.kernel.record import record
from server.kernel.records import SHOWN_FAULTS, Fault, Given, lines_of, misfit, value_of
from server.mesh.batch.files import BatchPlace

HIDDEN = "***"


@record
class Judged:
    """What came of the records: `rejects` are the first that do not fit, `taken` the ordinals whose key exists."""

    done: Ingested
    rejects: tuple[Reject, ...]
    taken: tuple[int, ...]


class CreationFiles:
    """Writes them."""

    def __init__(self, storage: Storage, engine: Engine) -> None:
        self._storage = storage
        self._engine = engine

    async def write(
        self,
        place: BatchPlace,
        attempt: int,
        given: Given,
        fields: tuple[Field, ...],
        created_at: datetime,
        existing: Sequence[Source],
    ) -> Ingested:
        """Put raw and bronze into storage. `existing`: where the keys stand that no record may have.

        Raises: InvalidData, where a record does not fit; Conflict, where its key exists. Then no file is left.
        """
        storage = self._storage
        raw, bronze, rejects = storage.staging(), storage.staging(), storage.staging()
        lines = await asyncio.to_thread(lines_of, given, fields)
        job = IngestJob(
            fields=fields,
            batch=place.batch,
            created_at=created_at,
            bronze=bronze,
            rejects=rejects,
            raw=None,
            format=FileFormat.NDJSON,
        )

        def work(cursor: duckdb.DuckDBPyConnection) -> Judged:
            with refusing_when_full():
                raw.write_bytes(lines)
            return judged(cursor, raw, job, existing)

        try:
            # not in the lane for heavy work: a few rows do not wait for the long files of others
            found = await self._engine.run(work, heavy=False)
            check_all_fit(given, found)
            check_keys(given, found, fields, place.dataset)
            # side by side: most of a small call is waiting for the disk
            kept = asyncio.to_thread(self._keep_raw, raw, raw_key(place, found.done.sha256))
            key = layout.bronze(place.dataset, place.batch, attempt)
            committed = asyncio.to_thread(storage.commit, bronze, key)
            for fault in await asyncio.gather(kept, committed, return_exceptions=True):  # both have ended
                if fault is not None:
                    raise fault
        finally:
            await asyncio.to_thread(remove_staged, raw, bronze, rejects)
        return found.done

    def making(self, place: BatchPlace) -> AbstractContextManager[None]:
        """Around the writing and the append that names the files: no run tells the sweeper of them, this does."""
        return self._storage.claim(layout.batch_claim(place.dataset, place.batch), shared=True)

    async def discard_raw(self, place: BatchPlace, sha256: str) -> None:
        """Remove the raw file of records that were refused after all."""
        await asyncio.to_thread(self._storage.delete, raw_key(place, sha256))

    def _keep_raw(self, raw: Path, key: str) -> None:
        """Raw is named by its digest: where it stands already, a twin of this call put the same there."""
        with suppress(ObjectExists):
            self._storage.commit(raw, key)


def judged(cursor: duckdb.DuckDBPyConnection, raw: Path, job: IngestJob, existing: Sequence[Source]) -> Judged:
    """Type the lines, and compare their keys. Raises: InvalidData."""
    ingestion = Ingestion(raw, job, lambda rows, share: None)
    ingestion.type_rows(cursor)
    try:
        taken = repeated_in_dataset(cursor, job.bronze, job.fields, job.batch, existing).ordinals
    except BaseException:
        ingestion.discard()
        raise
    done = ingestion.finish(cursor, ())
    rejects = read_rejects(cursor, job.rejects, SHOWN_FAULTS) if done.rejected_row_count else ()
    return Judged(done=done, rejects=rejects, taken=tuple(int(ordinal) for ordinal in taken))


def check_all_fit(given: Given, found: Judged) -> None:
    """Refuse records that were set aside; line 1 is records[0]. Raises: InvalidData."""
    if found.rejects:
        faults = [Fault(index=one.line - 1, column=one.column, reason=one.reason) for one in found.rejects]
        raise misfit(given, faults, found.done.rejected_row_count)


def check_keys(given: Given, found: Judged, fields: Sequence[Field], dataset: str) -> None:
    """Refuse records whose primary key exists. Raises: Conflict."""
    if not found.taken:
        return
    first = found.taken[0]
    key = {
        field.name: HIDDEN if field.is_personal else value_of(given.records[first], field)
        for field in key_fields(fields)
    }
    told = ", ".join(f"{name} {value!r}" if value != HIDDEN else f"{name} {HIDDEN}" for name, value in key.items())
    raise Conflict(
        f"{given.called(first)}: a record with the key {told} exists in dataset {dataset!r}; none was taken: leave out"
        " what exists and send again",
        field=given.field,
        key=key,
        indexes=list(found.taken[:SHOWN_FAULTS]),
    )


def raw_key(place: BatchPlace, sha256: str) -> str:
    """Where the lines stand."""
    return layout.raw(place.dataset, place.batch, sha256, FileFormat.NDJSON.suffix)

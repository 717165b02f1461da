"""The files of batches: made by the engine, put into storage, read back. Nothing here decides or records."""

import asyncio
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from server.adapters.engine.bare_statistics import without_statistics
from server.adapters.engine.ingest.gaps import NO_GAPS, Gaps, read_gaps
from server.adapters.engine.ingest.ingestion import Ingested, IngestJob, ingest, typed
from server.adapters.engine.ingest.job import Progress
from server.adapters.engine.ingest.rejects import Reject, read_rejects
from server.adapters.engine.privacy.anonymize import anonymize
from server.adapters.engine.quality.check import check_quality
from server.adapters.engine.quality.context import RuleContext
from server.adapters.engine.session import Engine
from server.adapters.engine.steps import Steps
from server.adapters.key_ring import KeyRing
from server.adapters.postgres.away import PostgresAway
from server.adapters.storage import layout
from server.adapters.storage.durable import refusing_when_full
from server.adapters.storage.port import ObjectExists, Storage
from server.adapters.storage.staged import remove_staged
from server.kernel.errors import InvalidData, Refused
from server.kernel.fields import Field
from server.kernel.ids import Urn, name_of
from server.kernel.privacy import PrivacyRule
from server.kernel.quality import QualityRule
from server.kernel.record import record
from server.mesh.batch.facts import Anonymized, Checked
from server.mesh.batch.key_scope import key_scope
from server.mesh.batch.origin import ANY_FILE, Existing, Origin
from server.mesh.batch.queries import BatchRow
from server.mesh.batch.state import Batch

SHOWN_REJECTS = 5  # in the refusal of a whole file


@record
class BatchPlace:
    """Where a batch's files stand: the bare names of its dataset and of itself."""

    dataset: str
    batch: str


class BatchFiles:
    """Makes and reads the files of batches. Each call works on files that nobody sees before an event names them."""

    def __init__(self, storage: Storage, engine: Engine, ring: KeyRing) -> None:
        self._storage = storage
        self._engine = engine
        self._ring = ring

    async def landed(self, file: layout.LandingFile) -> bool:
        """Whether the upload is there."""
        return await asyncio.to_thread(self._storage.exists, file.key)

    async def ingest(
        self,
        place: BatchPlace,
        source: str,
        attempt: int,
        fields: tuple[Field, ...],
        created_at: datetime,
        *,
        all_or_nothing: bool,
        keep_raw: bool,
        progress: Progress,
        origin: Origin = ANY_FILE,
        existing: Existing | None = None,
    ) -> Ingested:
        """Type the rows of the object `source` into bronze. `all_or_nothing`: one bad row refuses the file.

        `existing`: asked, just before the end, for the files whose primary keys the rows may not have.
        Raises: InvalidData; then no file is left.
        """
        storage = self._storage
        path = await asyncio.to_thread(storage.read_path, source)
        bronze, rejects, raw = storage.staging(), storage.staging(), storage.staging()
        job = IngestJob(
            fields=fields,
            batch=place.batch,
            created_at=created_at,
            bronze=bronze,
            rejects=rejects,
            raw=raw if keep_raw else None,
            csv=origin.csv,
            ignored=origin.ignored,
            format=origin.format,
            gaps=origin.gaps,
        )
        try:
            done = await self._ingested(path, job, progress, existing)
            if all_or_nothing and done.rejected_row_count:
                raise await self._misfit(rejects, done)
            if keep_raw:
                await asyncio.to_thread(
                    self._keep, raw, layout.raw(place.dataset, place.batch, done.sha256, done.format.suffix)
                )
            if done.rejected_row_count:
                await asyncio.to_thread(storage.commit, rejects, layout.rejects(place.dataset, place.batch, attempt))
            await asyncio.to_thread(storage.commit, bronze, layout.bronze(place.dataset, place.batch, attempt))
        finally:
            await asyncio.to_thread(remove_staged, bronze, rejects, raw)
        return done

    async def gaps(self, place: BatchPlace, raw: str) -> Gaps:
        """The records that the raw file of this digest has lost."""
        key = layout.raw_gaps(place.dataset, place.batch, raw)
        if not await asyncio.to_thread(self._storage.exists, key):
            return NO_GAPS
        return await asyncio.to_thread(lambda: read_gaps(self._storage.read_path(key)))

    async def check(
        self,
        place: BatchPlace,
        bronze: int,
        fields: Sequence[Field],
        rules: Sequence[QualityRule],
        attempt: int,
        context: RuleContext,
        *,
        hidden: Collection[str],
        steps: Steps,
    ) -> Checked:
        """Judge the rows of bronze; the failing samples go into a file of `attempt`, never into the facts.

        `hidden`: columns that samples cover, besides those marked personal.
        """
        covered = {field.name for field in fields if field.is_personal}.union(hidden)
        path = await asyncio.to_thread(self._storage.read_path, layout.bronze(place.dataset, place.batch, bronze))
        found = await self._engine.run(
            lambda cursor: check_quality(cursor, path, fields, rules, covered, context=context, steps=steps),
            heavy=True,
            steps=steps,
        )
        if any(found.samples):
            staged = self._storage.staging()
            key = layout.samples(place.dataset, place.batch, attempt)
            await asyncio.to_thread(self._write, staged, orjson.dumps(found.samples), key)
        return Checked(checked_rows=found.checked_rows, results=found.results, attempt=attempt)

    async def anonymize(
        self,
        place: BatchPlace,
        bronze: int,
        fields: Sequence[Field],
        rules: Sequence[PrivacyRule],
        attempt: int,
        *,
        domain: str | None,
        steps: Steps,
    ) -> Anonymized:
        """Write silver, with the keys of the dataset's domain. Raises: InvalidData where a rule changes nothing."""
        path = await asyncio.to_thread(self._storage.read_path, layout.bronze(place.dataset, place.batch, bronze))
        staged = self._storage.staging()
        keys = await asyncio.to_thread(self._ring.keys, key_scope(domain), f"{place.dataset}/{place.batch}/{attempt}")
        try:
            done = await self._engine.run(
                lambda cursor: anonymize(cursor, path, staged, fields, rules, keys, steps=steps),
                heavy=True,
                steps=steps,
            )
            key = layout.silver(place.dataset, place.batch, attempt)
            await asyncio.to_thread(self._storage.commit, staged, key)
        finally:
            await asyncio.to_thread(remove_staged, staged)
        return Anonymized(
            rules=tuple(rules),
            rows=done.rows,
            changed_rows=done.changed_rows,
            columns=done.columns,
            k_anonymity=done.k_anonymity,
        )

    async def publish(
        self,
        place: BatchPlace,
        bronze: int,
        silver: int | None,
        attempt: int,
        *,
        in_clear: Collection[str],
        steps: Steps,
    ) -> None:
        """Copy silver, or bronze where nothing is hidden, to gold. `in_clear`: columns without statistics there."""
        storage, dataset, batch = self._storage, place.dataset, place.batch
        source = layout.bronze(dataset, batch, bronze) if silver is None else layout.silver(dataset, batch, silver)
        target = layout.gold(dataset, batch, attempt)
        if not in_clear:
            return await asyncio.to_thread(storage.copy, source, target)
        path = await asyncio.to_thread(storage.read_path, source)
        staged = storage.staging()
        try:
            await self._engine.run(
                lambda _: without_statistics(path, staged, in_clear, steps=steps), heavy=True, steps=steps
            )
            await asyncio.to_thread(storage.commit, staged, target)
        finally:
            await asyncio.to_thread(remove_staged, staged)

    @asynccontextmanager
    async def kept_unless_refused(self, place: BatchPlace, attempt: int) -> AsyncGenerator[None]:
        """Around the making of an attempt's files and the append that names them: a refusal removes them.

        They stay where Postgres was lost: the event may stand and name them.
        """
        try:
            yield
        except PostgresAway:
            raise
        except Refused:
            await self.discard(place, attempt)
            raise

    async def discard(self, place: BatchPlace, attempt: int) -> None:
        """Remove the files of an attempt that no event will name."""
        dataset, batch = place.dataset, place.batch
        for key in (
            layout.bronze(dataset, batch, attempt),
            layout.rejects(dataset, batch, attempt),
            layout.samples(dataset, batch, attempt),
            layout.silver(dataset, batch, attempt),
            layout.gold(dataset, batch, attempt),
        ):
            await asyncio.to_thread(self._storage.delete, key)

    async def rejected(self, place: BatchPlace, bronze: int, first: int) -> Sequence[Reject]:
        """The first rows that were set aside."""
        key = layout.rejects(place.dataset, place.batch, bronze)
        if not await asyncio.to_thread(self._storage.exists, key):
            return ()
        path = await asyncio.to_thread(self._storage.read_path, key)
        return await self._engine.run(lambda cursor: read_rejects(cursor, path, first), heavy=False)

    async def samples(self, place: BatchPlace, attempt: int, index: int) -> list[Any]:  # rows as JSON
        """The failing rows that a check kept for one rule; none where the file is gone."""
        key = layout.samples(place.dataset, place.batch, attempt)
        if not await asyncio.to_thread(self._storage.exists, key):
            return []
        path = await asyncio.to_thread(self._storage.read_path, key)
        rows: list[Any] = orjson.loads(await asyncio.to_thread(path.read_bytes))[index]
        return rows

    async def _ingested(self, path: Path, job: IngestJob, progress: Progress, existing: Existing | None) -> Ingested:
        if existing is None:
            return await self._engine.run(lambda cursor: ingest(cursor, path, job, progress), heavy=True)
        ingestion = await self._engine.run(lambda cursor: typed(cursor, path, job, progress), heavy=True)
        try:
            files = await existing()
            # who holds the lock on keys does not stand in line behind the long files of others
            return await self._engine.run(lambda cursor: ingestion.finish(cursor, files), heavy=False)
        except BaseException:
            await asyncio.to_thread(ingestion.discard)
            raise

    def _keep(self, staged: Path, key: str) -> None:
        """Raw is named by its digest: where it stands already, it is the same."""
        try:
            self._storage.commit(staged, key)
        except ObjectExists:
            return

    def _write(self, staged: Path, content: bytes, key: str) -> None:
        try:
            with refusing_when_full():
                staged.write_bytes(content)
            self._storage.commit(staged, key)
        finally:
            remove_staged(staged)

    async def _misfit(self, rejects: Path, done: Ingested) -> InvalidData:
        first = await self._engine.run(lambda cursor: read_rejects(cursor, rejects, SHOWN_REJECTS), heavy=False)
        told = "; ".join(f"line {one.line}: {one.reason}" for one in first)
        return InvalidData(
            f"{done.rejected_row_count} of {done.row_count + done.rejected_row_count} rows do not fit the schema"
            f" ({told}); mend the file, or let the contract set bad rows aside with onBadRows SET_ASIDE",
            rejected=done.rejected_row_count,
            taken_keys=done.taken_keys,
            rows=[{"line": one.line, "column": one.column, "reason": one.reason} for one in first],
        )


def place_of(batch: Batch | BatchRow) -> BatchPlace:
    """Where the files of a batch stand, whether it is known by its state or by its row."""
    urn = batch.batch if isinstance(batch, Batch) else batch.id
    return BatchPlace(dataset=name_of(Urn(batch.dataset)), batch=name_of(Urn(urn)))

"""Everywhere else: copies, Delta logs, leftovers, uploads, unfinished files and texts that may hold a subject."""

import asyncio
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

import asyncpg

from server.adapters.engine.erasure.subject import Matcher, Subject
from server.adapters.engine.erasure.whole_file import holds_subject
from server.adapters.engine.session import Engine
from server.adapters.engine.spill import clear_spill
from server.adapters.storage import layout
from server.adapters.storage.local import LocalStorage
from server.adapters.storage.port import ObjectMissing
from server.kernel.ids import Urn, name_of
from server.mesh.erasure.leftovers import Leftovers
from server.mesh.erasure.objects import ErasedObjects
from server.mesh.erasure.texts import StoredTexts
from server.mesh.publishing.projector import DeltaProjector
from server.mesh.rows.compact_files import CompactFiles
from server.mesh.rows.compaction import Compaction

_WANTED = """
select exists (select from process_run
 where kind = 'APPEND' and status in ('QUEUED', 'RUNNING') and payload ->> 'file_url' = $1)"""

_ENCODINGS = "select distinct csv ->> 'encoding' as encoding from contract"


class Elsewhere:
    """Clears places that are no batch's own files."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        storage: LocalStorage,
        engine: Engine,
        objects: ErasedObjects,
        leftovers: Leftovers,
        compact_files: CompactFiles,
        compaction: Compaction,
        delta: DeltaProjector,
        texts: StoredTexts,
        spill: Path,
    ) -> None:
        self._pool = pool
        self._storage = storage
        self._engine = engine
        self._objects = objects
        self._leftovers = leftovers
        self._compact_files = compact_files
        self._compaction = compaction
        self._delta = delta
        self._texts = texts
        self._spill = spill

    async def tidy(self, deletion: Urn, dataset: Urn, erased: Collection[Urn], before: datetime) -> None:
        """Remove what the dataset's erased batches were: copies, what the Delta log says, files that nothing names."""
        for batch in erased:
            held = await self._compact_files.retire_with(dataset, name_of(batch))
            await self._objects.note(deletion, [file.key for file in held])
            await self._compaction.forget(dataset, name_of(batch))
        if erased and dataset in await self._delta.published():
            await self._delta.anew(dataset)
        await self._leftovers.remove(deletion, dataset, erased, before)

    async def uploads(self, deletion: Urn, subject: Subject) -> list[str]:
        """Remove uploads that hold the subject; those that wait to be appended stay and are told of."""
        encodings = [row["encoding"] for row in await self._pool.fetch(_ENCODINGS)]
        waiting = 0
        for stored in await asyncio.to_thread(lambda: list(self._storage.list(layout.LANDING))):
            if layout.landing_file(stored.key) is None or not await self._holds(stored.key, subject, encodings):
                continue
            if await self._pool.fetchval(_WANTED, stored.key):
                waiting += 1
            else:
                await self._objects.remove(deletion, [stored.key])
        return [f"uploads that wait to be appended: {waiting}"] if waiting else []

    async def unfinished(self) -> None:
        """Remove the files that dead processes were writing."""
        await asyncio.to_thread(self._storage.sweep_dead)
        await asyncio.to_thread(clear_spill, self._spill)

    async def texts(self, subject: Subject) -> list[str]:
        """Mend the texts of runs; what the log's texts say of the subject is told of."""
        matcher = Matcher(subject)
        await self._texts.mend_runs(matcher)
        return await self._texts.events(matcher)

    async def forget(self, deletion: Urn) -> None:
        """Let go of the list of objects and of what Postgres still keeps of rows that were changed or taken away."""
        await self._objects.forget(deletion)
        await self._texts.vacuum()

    async def _holds(self, key: str, subject: Subject, encodings: Collection[str]) -> bool:
        try:
            path = await asyncio.to_thread(self._storage.read_path, key)
            return await self._engine.run(lambda cursor: holds_subject(cursor, path, subject, encodings), heavy=True)
        except (ObjectMissing, FileNotFoundError):  # swept meanwhile
            return False

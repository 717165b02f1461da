"""The sweeper: removes objects that no event names, once nobody can be at them any more.

They are what crashed attempts left, what a replay replaced, uploads after a day, copies that nobody reads. A file is
removed only where the read tables and the log agree that its batch does not name it, and while no run may be making it.
"""

import asyncio
import itertools
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeAlias

import asyncpg

from server.adapters.runs.admission import lock_dataset
from server.adapters.runs.queue import Connection
from server.adapters.storage import layout
from server.adapters.storage.layout import LandingFile
from server.adapters.storage.port import BeingWritten, Storage, StoredObject
from server.adapters.storage.whose import BatchFile, Copy, owner_of
from server.adapters.store.commands import Commands
from server.adapters.store.log import Log
from server.kernel.ids import Kind, Urn, urn
from server.kernel.record import record
from server.mesh.batch.stream import BATCHES
from server.mesh.retention.named import named_by_log, named_by_tables

Suspect: TypeAlias = tuple[StoredObject, BatchFile]

logger = logging.getLogger(__name__)

LANDED_FOR = timedelta(days=1)
STAGED_FOR = timedelta(minutes=10)  # longer than any request
STAGED_BY_RUNS_FOR = timedelta(days=1)  # longer than any run
AT_ONCE = 5000  # objects looked at in one go

_UNDER_WAY = """
select lower(batch_id) as batch from process_run where dataset = $1 and status in ('QUEUED', 'RUNNING')"""
_ANY_UNDER_WAY = "select exists (select from process_run where status in ('QUEUED', 'RUNNING'))"
_WANTED = """
select payload->>'file_url' as key from process_run where kind = 'APPEND' and status in ('QUEUED', 'RUNNING')"""


@record
class Swept:
    """What a sweep did.

    `staged`: files that were never finished; `unknown`: objects under keys that are not the layout's, left alone.
    """

    removed: int = 0
    size_bytes: int = 0
    staged: int = 0
    unknown: int = 0

    def __add__(self, other: "Swept") -> "Swept":
        return Swept(
            removed=self.removed + other.removed,
            size_bytes=self.size_bytes + other.size_bytes,
            staged=self.staged + other.staged,
            unknown=self.unknown + other.unknown,
        )


class Sweeper:
    """Finds what is nobody's and removes it. `grace`: how long readers and signed addresses may still be at a file."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        commands: Commands,
        log: Log,
        storage: Storage,
        copies: Callable[[], Awaitable[Collection[str]]],  # the keys of those that are still read
        grace: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._pool = pool
        self._commands = commands
        self._log = log
        self._storage = storage
        self._copies = copies
        self._grace = grace
        self._clock = clock

    async def sweep(self, at: datetime) -> Swept:
        """Remove what had its time at this instant."""
        since = await self._log.position_at(at - self._grace)
        wanted = {row["key"] for row in await self._pool.fetch(_WANTED)}
        swept = Swept()
        objects = self._storage.list()
        while found := await asyncio.to_thread(_some, objects):
            swept += await self._sweep(found, at, since, wanted)
        swept += await self._sweep_staged(at)
        logger.log(
            logging.INFO if swept.removed or swept.staged else logging.DEBUG,
            "swept %d objects of %d bytes and %d staged files; left %d objects of unknown names alone",
            swept.removed,
            swept.size_bytes,
            swept.staged,
            swept.unknown,
        )
        return swept

    async def _sweep(
        self, found: Iterable[StoredObject], at: datetime, since: int | None, wanted: Collection[str]
    ) -> Swept:
        done = Swept()
        nobodys: list[StoredObject] = []
        of_batches: list[Suspect] = []
        copies: list[tuple[StoredObject, Copy]] = []
        for stored in found:
            old = stored.modified < at - self._grace
            match owner_of(stored.key):
                case LandingFile() if stored.modified < at - LANDED_FOR and stored.key not in wanted:
                    nobodys.append(stored)
                case BatchFile() as file:
                    of_batches.append((stored, file))
                case Copy() as copy if old:
                    copies.append((stored, copy))
                case None:
                    done += Swept(unknown=1)
                case _:
                    continue
        done += await asyncio.to_thread(self._remove, nobodys)
        done += await self._sweep_batches(of_batches, at, since)
        return done + await self._sweep_copies(copies)

    async def _sweep_batches(self, files: Collection[Suspect], at: datetime, since: int | None) -> Swept:
        """`since`: what was named after this position may still be read; None: nothing but what is named now."""
        tables = await named_by_tables(self._pool, {urn(Kind.BATCH, file.batch) for _, file in files}, since)
        suspects: defaultdict[str, defaultdict[str, list[Suspect]]] = defaultdict(lambda: defaultdict(list))
        for stored, file in files:
            batch = tables.get(urn(Kind.BATCH, file.batch))
            let_go = batch is not None and batch.expired and batch.dataset == file.dataset
            if (let_go or stored.modified < at - self._grace) and not (batch and batch.names(file)):
                suspects[file.dataset][file.batch].append((stored, file))
        done = Swept()
        for dataset, suspected in suspects.items():
            done += await self._sweep_dataset(dataset, suspected, since)
        return done

    async def _sweep_dataset(
        self, dataset: str, suspects: Mapping[str, Collection[Suspect]], since: int | None
    ) -> Swept:
        """No run of the dataset begins or ends while files of its batches are judged once more and removed."""
        done = Swept()
        async with self._pool.acquire() as connection, connection.transaction():
            busy = await _under_way(connection, urn(Kind.DATASET, dataset))
            free = [] if None in busy else [batch for batch in suspects if batch.lower() not in busy]
            for batch in free:
                with suppress(BeingWritten), self._storage.claim(layout.batch_claim(dataset, batch)):
                    nobodys = await self._nobodys(connection, urn(Kind.BATCH, batch), suspects[batch], since)
                    done += await asyncio.to_thread(self._remove, nobodys)
        return done

    async def _nobodys(
        self, connection: Connection, batch: Urn, suspects: Collection[Suspect], since: int | None
    ) -> list[StoredObject]:
        """Those that neither the tables nor the log name; none where only one of both knows the batch at all."""
        tables = (await named_by_tables(connection, {batch}, since)).get(batch)
        loaded = await self._commands.load(BATCHES, batch)
        log = None if loaded.state is None or loaded.stream != batch else named_by_log(loaded.state)
        if (tables is None) is not (log is None):
            return []
        return [one for one, file in suspects if not any(named.names(file) for named in (tables, log) if named)]

    async def _sweep_copies(self, copies: Collection[tuple[StoredObject, Copy]]) -> Swept:
        done = Swept()
        for dataset in {copy.dataset for _, copy in copies}:
            async with self._pool.acquire() as connection, connection.transaction():
                if await _under_way(connection, urn(Kind.DATASET, dataset)):
                    continue
                live = await self._copies()
                nobodys = [one for one, copy in copies if copy.dataset == dataset and one.key not in live]
                done += await asyncio.to_thread(self._remove, nobodys)
        return done

    async def _sweep_staged(self, at: datetime) -> Swept:
        """By the clock too: as of a day to come, what is being written now is still being written."""
        held = STAGED_BY_RUNS_FOR if await self._pool.fetchval(_ANY_UNDER_WAY) else STAGED_FOR
        before = min(at - self._grace, self._clock() - held)
        return Swept(staged=await asyncio.to_thread(self._storage.sweep_staging, before))

    def _remove(self, objects: Collection[StoredObject]) -> Swept:
        for stored in objects:
            self._storage.delete(stored.key)
        return Swept(removed=len(objects), size_bytes=sum(stored.size for stored in objects))


async def _under_way(connection: Connection, dataset: Urn) -> set[str | None]:
    """The batches, in lower case, on which runs of the now locked dataset are under way; None: on all of it."""
    await lock_dataset(connection, dataset)
    return {row["batch"] for row in await connection.fetch(_UNDER_WAY, dataset)}


def _some(objects: Iterator[StoredObject]) -> list[StoredObject]:
    return list(itertools.islice(objects, AT_ONCE))

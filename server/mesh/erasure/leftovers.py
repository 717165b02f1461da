"""Leftovers: files in a dataset's folders that no event names, such as replaced ones and those of crashed attempts."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from datetime import datetime

import asyncpg

from server.adapters.runs.admission import lock_dataset
from server.adapters.storage import layout
from server.adapters.storage.port import BeingWritten, Storage
from server.adapters.storage.whose import BatchFile, Copy, owner_of
from server.adapters.store.locks import batch_erasure_locked
from server.kernel.ids import Kind, Urn, name_of, urn
from server.mesh.erasure.objects import ErasedObjects
from server.mesh.retention.named import named_by_tables

_UNDER_WAY = """
select exists (select from process_run
 where dataset = $1 and lower(batch_id) = lower($2) and status in ('QUEUED', 'RUNNING'))"""


class Leftovers:
    """Removes them. `copies` answers the keys of compacted files that still serve."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        storage: Storage,
        objects: ErasedObjects,
        copies: Callable[[], Awaitable[Collection[str]]],
    ) -> None:
        self._pool = pool
        self._storage = storage
        self._objects = objects
        self._copies = copies

    async def remove(self, deletion: Urn, dataset: Urn, erased: Collection[Urn], before: datetime) -> None:
        """Remove what was last written before an instant and what nothing names any more.

        Of batches that stand only those in `erased` are looked at; files of one that was let go, or that nobody knows,
        are nobody's.
        """
        files, copies = await asyncio.to_thread(self._files, name_of(dataset), before)
        named = await named_by_tables(self._pool, {urn(Kind.BATCH, file.batch) for file in files.values()}, None)
        unknown: defaultdict[str, list[str]] = defaultdict(list)
        left: defaultdict[Urn, dict[str, BatchFile]] = defaultdict(dict)
        for key, file in files.items():
            batch = urn(Kind.BATCH, file.batch)
            if batch not in named:
                unknown[file.batch].append(key)
            elif (batch in erased or named[batch].expired) and not named[batch].names(file):
                left[batch][key] = file
        if copies:
            live = await self._copies()
            await self._objects.remove(deletion, [key for key in copies if key not in live])
        for batch, outlived in left.items():
            await self._remove_outlived(deletion, batch, outlived)
        for name, keys in unknown.items():
            await self._remove_unknown(deletion, dataset, name, keys)

    async def _remove_outlived(self, deletion: Urn, batch: Urn, files: Mapping[str, BatchFile]) -> None:
        """Another erasure makes its files before it records them: none is in between while this looks again."""
        async with batch_erasure_locked(self._pool, batch):
            named = (await named_by_tables(self._pool, {batch}, None))[batch]
            await self._objects.remove(deletion, [key for key, file in files.items() if not named.names(file)])

    async def _remove_unknown(self, deletion: Urn, dataset: Urn, batch: str, keys: Collection[str]) -> None:
        """No run of the dataset begins meanwhile: one that makes the same file again would count on the old one."""
        async with self._pool.acquire() as connection, connection.transaction():
            await lock_dataset(connection, dataset)
            if await connection.fetchval(_UNDER_WAY, dataset, batch):
                return
            with suppress(BeingWritten), self._storage.claim(layout.batch_claim(name_of(dataset), batch)):
                if not await named_by_tables(connection, {urn(Kind.BATCH, batch)}, None):
                    await self._objects.remove(deletion, keys)

    def _files(self, dataset: str, before: datetime) -> tuple[Mapping[str, BatchFile], list[str]]:
        files: dict[str, BatchFile] = {}
        copies: list[str] = []
        for stored in self._storage.list(f"{dataset}/"):
            if stored.modified >= before:
                continue
            match owner_of(stored.key):
                case BatchFile() as file:
                    files[stored.key] = file
                case Copy():
                    copies.append(stored.key)
                case _:
                    continue
        return files, copies

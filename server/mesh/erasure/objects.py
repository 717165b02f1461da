"""Objects that an erasure removes: each is written down before it goes, so that the count outlasts a crash."""

import asyncio
import hashlib
from collections.abc import Collection

import asyncpg

from server.adapters.storage.port import Storage
from server.kernel.ids import Urn

_NOTE = "insert into erased_object select $1, unnest($2::bytea[]) on conflict do nothing"
_COUNT = "select count(*) from erased_object where deletion = $1"
_FORGET = "delete from erased_object where deletion = $1"


class ErasedObjects:
    """Removes objects for good and counts them."""

    def __init__(self, pool: asyncpg.Pool, storage: Storage) -> None:
        self._pool = pool
        self._storage = storage

    async def remove(self, deletion: Urn, keys: Collection[str]) -> None:
        """Remove those that are there."""
        there = await asyncio.to_thread(lambda: [key for key in keys if self._storage.exists(key)])
        if not there:
            return
        await self._pool.execute(_NOTE, deletion, [hashlib.sha256(key.encode()).digest() for key in there])
        await asyncio.to_thread(self._delete, there)

    async def note(self, deletion: Urn, keys: Collection[str]) -> None:
        """Count objects that somebody else is about to remove."""
        await self._pool.execute(_NOTE, deletion, [hashlib.sha256(key.encode()).digest() for key in keys])

    async def removed(self, deletion: Urn) -> int:
        """How many were removed so far."""
        return int(await self._pool.fetchval(_COUNT, deletion))

    async def forget(self, deletion: Urn) -> None:
        """Let go of the list: the completion has told the count."""
        await self._pool.execute(_FORGET, deletion)

    def _delete(self, keys: Collection[str]) -> None:
        for key in keys:
            self._storage.delete(key)

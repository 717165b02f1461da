"""Primary keys that a dataset has: looked at under a lock that is held until the new rows are recorded."""

from collections.abc import Sequence
from contextlib import AsyncExitStack

import asyncpg

from server.adapters.engine.ingest.primary_keys import key_fields
from server.adapters.engine.source import Source
from server.adapters.store.locks import dataset_keys_locked
from server.kernel.fields import Field
from server.kernel.ids import Urn
from server.kernel.layer import Layer
from server.mesh.batch.origin import Existing
from server.mesh.rows.sources import Sources


class TakenKeys:
    """Finds the files whose keys new rows may not have."""

    def __init__(self, pool: asyncpg.Pool, sources: Sources) -> None:
        self._pool = pool
        self._sources = sources

    def existing(self, dataset: Urn, fields: Sequence[Field], held: AsyncExitStack) -> Existing | None:
        """The dataset's files, once nobody else adds keys to it until `held` ends; None where it has no key."""
        if not key_fields(fields):
            return None

        async def locked() -> Sequence[Source]:
            await held.enter_async_context(dataset_keys_locked(self._pool, dataset))
            return await self._sources.of(dataset, Layer.BRONZE)

        return locked

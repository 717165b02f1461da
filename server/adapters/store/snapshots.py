"""Snapshots: a long stream's state kept beside it. A cache: it may be deleted, and no answer changes."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import asyncpg

from server.adapters.store.aggregate import Aggregate, Loaded

logger = logging.getLogger(__name__)

EVERY = 100  # events; a tail of that length folds in less time than a snapshot takes to write

_SAVE_SQL = """
insert into snapshots (stream, version, shape, state) values ($1, $2, $3, $4::text::jsonb)
on conflict (stream) do update set version = excluded.version, shape = excluded.shape, state = excluded.state
where snapshots.version < excluded.version or snapshots.shape <> excluded.shape
"""


class Snapshots:
    """Writes a stream's state each EVERY events, in the background and at best effort."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._tasks: set[asyncio.Task[None]] = set()

    def note(self, aggregate: Aggregate[Any, Any, Any], loaded: Loaded[Any], events: Sequence[object]) -> None:
        """Keep the loaded state when the events about to be appended pass the next multiple of EVERY."""
        if loaded.version // EVERY == (loaded.version + len(events)) // EVERY or not loaded.version:
            return
        task = asyncio.create_task(self.save(aggregate, loaded))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def save(self, aggregate: Aggregate[Any, Any, Any], loaded: Loaded[Any]) -> None:
        """Keep this state of the stream unless a later one is kept."""
        state = aggregate.state.dump_json(loaded.state).decode()
        try:
            await self._pool.execute(_SAVE_SQL, loaded.stream, loaded.version, aggregate.shape, state)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            logger.warning("snapshot of %s not kept: %s", loaded.stream, type(error).__name__)

    async def drain(self) -> None:
        """Wait for those under way."""
        await asyncio.gather(*self._tasks)

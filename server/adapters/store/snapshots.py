"""Snapshots: a long stream's state kept beside it. A cache: it may be deleted, and no answer changes."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import asyncpg

from server.adapters.store.aggregate import Aggregate, Loaded
from server.kernel.ids import Urn

logger = logging.getLogger(__name__)

EVERY = 100  # events; a tail of that length folds in less time than a snapshot takes to write

# Of a row named `kept`: what its digest must be.
DIGEST_SQL = "sha256(convert_to(concat_ws(E'\\n', kept.stream, kept.version, kept.shape, kept.state), 'UTF8'))"

_SAVE_SQL = f"""
insert into snapshots (stream, version, shape, state, digest)
select kept.*, {DIGEST_SQL} from (values ($1, $2::int, $3, $4::text::jsonb)) kept (stream, version, shape, state)
on conflict (stream) do update
  set version = excluded.version, shape = excluded.shape, state = excluded.state, digest = excluded.digest
where snapshots.version < excluded.version or snapshots.shape <> excluded.shape
   or exists (select from snapshots kept where kept.stream = excluded.stream and kept.digest <> {DIGEST_SQL})
"""  # noqa: S608  # our own words


class Snapshots:
    """Writes a stream's state each EVERY events, in the background and at best effort."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._tasks: dict[Urn, asyncio.Task[None]] = {}

    def note(self, aggregate: Aggregate[Any, Any, Any], loaded: Loaded[Any], events: Sequence[object]) -> None:
        """Keep the loaded state when the events about to be appended pass the next multiple of EVERY."""
        if loaded.version // EVERY != (loaded.version + len(events)) // EVERY and loaded.version:
            self._keep(aggregate, loaded)

    def folded(self, aggregate: Aggregate[Any, Any, Any], loaded: Loaded[Any], events: int) -> None:
        """Keep the loaded state where EVERY events or more had to be folded: whatever made the stream grow."""
        if events >= EVERY:
            self._keep(aggregate, loaded)

    def _keep(self, aggregate: Aggregate[Any, Any, Any], loaded: Loaded[Any]) -> None:
        """Keep it in the background, one state of a stream at a time."""
        stream = loaded.stream
        if stream in self._tasks:
            return
        task = self._tasks[stream] = asyncio.create_task(self.save(aggregate, loaded))
        task.add_done_callback(lambda _: self._tasks.pop(stream))

    async def save(self, aggregate: Aggregate[Any, Any, Any], loaded: Loaded[Any]) -> None:
        """Keep this state of the stream unless a later one is kept."""
        state = aggregate.state.dump_json(loaded.state).decode()
        try:
            await self._pool.execute(_SAVE_SQL, loaded.stream, loaded.version, aggregate.shape, state)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            logger.warning("snapshot of %s not kept: %s", loaded.stream, type(error).__name__)

    async def drain(self) -> None:
        """Wait for those under way."""
        await asyncio.gather(*self._tasks.values())

"""Reading streams: requests that come while one query is under way go to Postgres together in the next."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import TypeAlias

import asyncpg

from server.adapters.store.snapshots import DIGEST_SQL
from server.kernel.ids import Urn

MAX_STREAMS = 200

# One row for the snapshot, if a whole one of this shape is kept, with `type` null; then the events after it, in order.
# The laterals keep their `offset 0`: without it the planner may read the whole log for a handful of streams.
_ROWS_SQL = f"""
select wanted.number, found.* from unnest($1::text[], $2::text[]) with ordinality wanted (stream, shape, number)
left join snapshots kept on kept.stream = wanted.stream and kept.shape = wanted.shape and kept.digest = {DIGEST_SQL}
cross join lateral (
  select kept.stream, kept.version, null as type, 0 as shape, kept.state::text as data where kept.stream is not null
  union all
  (select stream, version, type, (meta ->> 'shape')::int, data::text from events
   where lower(stream) = lower(wanted.stream) and version > coalesce(kept.version, 0) order by version offset 0)
) found
order by wanted.number, found.version
"""  # noqa: S608  # our own words

# A stream and the shape of its snapshot.
Wanted: TypeAlias = tuple[Urn, str]
Rows: TypeAlias = Sequence[asyncpg.Record]


class Streams:
    """The rows of streams as they stand when asked, or a little later."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._waiting: dict[Wanted, asyncio.Future[Rows]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def rows(self, stream: Urn, shape: str) -> Rows:
        """The stream's snapshot of this shape, if there is one, and its events after it."""
        wanted = (stream, shape)
        answer = self._waiting.get(wanted)
        if answer is None:
            answer = self._waiting[wanted] = asyncio.get_running_loop().create_future()
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read(), name="stream-reader")
        return await asyncio.shield(answer)

    async def _read(self) -> None:
        while self._waiting:
            batch = dict(list(self._waiting.items())[:MAX_STREAMS])
            for wanted in batch:
                del self._waiting[wanted]
            try:
                found = await self._fetch(list(batch))
            except Exception as error:  # every asker gets it
                for answer in batch.values():
                    answer.set_exception(error)
                    answer.exception()  # looked at, as its asker may have gone
                continue
            for wanted, answer in batch.items():
                answer.set_result(found[wanted])

    async def _fetch(self, batch: Sequence[Wanted]) -> dict[Wanted, list[asyncpg.Record]]:
        streams, shapes = [stream for stream, _ in batch], [shape for _, shape in batch]
        found: dict[Wanted, list[asyncpg.Record]] = defaultdict(list)
        for row in await self._pool.fetch(_ROWS_SQL, streams, shapes):
            found[batch[row["number"] - 1]].append(row)
        return found

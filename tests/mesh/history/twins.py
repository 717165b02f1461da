"""Two servers' worth of database: one that has the whole log, and a twin that was only ever given its beginning."""

import itertools
from collections.abc import Sequence
from functools import partial

import asyncpg

from server.adapters.postgres.connections import connect_writer
from server.adapters.store.append import Append, NewEvent, Outcome
from server.adapters.store.intervals import IntervalWriter
from server.adapters.store.log import COLUMNS, stored_event
from server.adapters.store.rebuild import recorded
from server.adapters.store.writer import Writer
from server.kernel.intent import Intent
from server.mesh.slices import CODEC, PROJECTIONS, TABLES

TOGETHER = 500  # appends that wait at once
_numbers = itertools.count(1)


async def tell(url: str, appends: Sequence[Sequence[NewEvent]]) -> int:
    """Append them in order, through the writer; the position of the last event."""
    writer = Writer(partial(connect_writer, url), CODEC, PROJECTIONS, IntervalWriter(TABLES), lambda: None)
    await writer.start()
    last = 0
    for start in range(0, len(appends), TOGETHER):
        waiting = [writer.submit(_append(events)) for events in appends[start : start + TOGETHER]]
        for each in waiting:
            result = await each
            assert result.outcome is Outcome.APPENDED
            last = result.last or last
    await writer.stop()
    return last


def _append(events: Sequence[NewEvent]) -> Append:
    intent = Intent(actor="ann", correlation_id="tale", key=f"~tale-{next(_numbers)}", digest=b"", keyed=False)
    return Append(intent=intent, checks=(), events=tuple(events))


class Twin:
    """A database that is given the log of another one up to a position, and never more."""

    def __init__(self, whole: asyncpg.Pool, own: asyncpg.Pool) -> None:
        self._whole = whole
        self._own = own
        self._intervals = IntervalWriter(TABLES)
        self._given = 0

    async def give(self, position: int) -> None:
        """Give it the events up to a position, as they were recorded."""
        rows = await self._whole.fetch(
            f"select {COLUMNS} from events where position > $1 and position <= $2 order by position",
            self._given,
            position,
        )
        stored = [stored_event(row) for row in rows]
        facts = [recorded(CODEC, one) for one in stored]
        writes = [(fact.position, write) for fact in facts for write in PROJECTIONS[type(fact.event)](fact)]
        async with self._own.acquire() as connection, connection.transaction():
            await connection.executemany(
                f"insert into events ({COLUMNS.replace('::text', '')})"
                " values ($1, $2, $3, $4, $5::text::jsonb, $6::text::jsonb, $7, $8)",
                [tuple(row) for row in rows],
            )
            await connection.execute(
                "update event_head set (position, recorded_at, hash) = ($1, $2, $3)",
                stored[-1].position,
                stored[-1].recorded_at,
                stored[-1].hash,
            )
            await self._intervals.apply(connection, writes)
        self._given = position

"""Rebuild: the read tables made again from the whole log, in shadow tables that are swapped in at the end."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import orjson

from server.adapters.store.intervals import Interval, IntervalWriter
from server.adapters.store.log import COLUMNS, StoredEvent, stored_event
from server.adapters.store.writer import Project
from server.kernel.codec import Codec
from server.kernel.record import record
from server.kernel.recorded import Recorded

PAUSE_SECONDS = 0.5  # between two tries to swap
CHUNK = 1_000  # events projected in one transaction
_LOCK = 7_461_002  # one rebuild at a time
SHADOW = "__rebuilt"
OLD = "__replaced"


@record
class Rebuilt:
    """How much was read and written."""

    events: int
    tables: tuple[str, ...]


async def rebuild(
    connection: asyncpg.Connection,
    codec: Codec,
    projections: Mapping[type, Project],
    tables: Sequence[type[Interval]],
) -> Rebuilt:
    """Project all events anew and swap the result in. Appends go on meanwhile but for the last few events."""
    names = [str(table.__tablename__) for table in tables]
    intervals = IntervalWriter(tables, SHADOW)
    await connection.execute("select pg_advisory_lock($1)", _LOCK)
    try:
        for name in names:
            await connection.execute(f'drop table if exists "{name}{SHADOW}"')
            await connection.execute(f'create table "{name}{SHADOW}" (like "{name}" including all)')
        done, behind = 0, await _head(connection)
        missing = behind + 1
        while CHUNK <= behind < missing:  # appends may be faster than we are: the rest is done while they wait
            missing, upto = behind, done + behind
            while done < upto and (page := await _page(connection, done)):
                async with connection.transaction():
                    await _project(connection, codec, projections, intervals, page)
                done = page[-1].position
            behind = await _head(connection) - done
        end: int | None = None
        while end is None:
            end = await _finish(connection, codec, projections, intervals, names, done)
            if end is None:
                await asyncio.sleep(PAUSE_SECONDS)
    finally:
        await connection.execute("select pg_advisory_unlock($1)", _LOCK)
    return Rebuilt(events=end, tables=tuple(names))


async def _finish(
    connection: asyncpg.Connection,
    codec: Codec,
    projections: Mapping[type, Project],
    intervals: IntervalWriter,
    names: Sequence[str],
    done: int,
) -> int | None:
    """Project the rest and swap while appends wait; None where a long reader is in the way: it must not stop them."""
    listed = ", ".join(f'"{name}"' for name in names)
    try:
        async with connection.transaction():
            await connection.execute("set local lock_timeout = '1s'")
            await connection.execute("select 1 from event_head for update")
            await connection.execute(f"lock table {listed} in access exclusive mode")
            while page := await _page(connection, done):
                await _project(connection, codec, projections, intervals, page)
                done = page[-1].position
            for name in names:
                await swap(connection, name)
    except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
        return None
    return done


def recorded(codec: Codec, stored: StoredEvent) -> Recorded[Any]:  # of whatever type was stored
    """A stored event as its record."""
    return Recorded(
        position=stored.position,
        stream=stored.stream,
        version=stored.version,
        event=codec.decode(stored.type, int(stored.meta["shape"]), orjson.dumps(stored.data)),
        actor=stored.actor,
        correlation_id=stored.correlation_id,
        recorded_at=stored.recorded_at,
    )


async def _head(connection: asyncpg.Connection) -> int:
    return int(await connection.fetchval("select position from event_head") or 0)


async def _page(connection: asyncpg.Connection, after: int) -> list[StoredEvent]:
    rows = await connection.fetch(
        f"select {COLUMNS} from events where position > $1 order by position limit $2",  # noqa: S608
        after,
        CHUNK,
    )
    return [stored_event(row) for row in rows]


async def _project(
    connection: asyncpg.Connection,
    codec: Codec,
    projections: Mapping[type, Project],
    intervals: IntervalWriter,
    page: Sequence[StoredEvent],
) -> None:
    writes = [
        (stored.position, write)
        for stored in page
        for fact in (recorded(codec, stored),)
        for write in projections[type(fact.event)](fact)
    ]
    await intervals.apply(connection, writes)


async def swap(connection: asyncpg.Connection, name: str) -> None:
    """Put the shadow in the table's place, with the indexes' names as they were."""
    indexes = await connection.fetch("select indexname, indexdef from pg_indexes where tablename = $1", name)
    shadow = await connection.fetch("select indexname, indexdef from pg_indexes where tablename = $1", name + SHADOW)
    await connection.execute(f'alter table "{name}" rename to "{name}{OLD}"')
    await connection.execute(f'alter table "{name}{SHADOW}" rename to "{name}"')
    await connection.execute(f'drop table "{name}{OLD}"')
    columns = {_definition(row["indexdef"], name): row["indexname"] for row in indexes}
    for row in shadow:
        wanted = columns[_definition(row["indexdef"], name + SHADOW)]
        await connection.execute(f'alter index "{row["indexname"]}" rename to "{wanted}"')


def _definition(sql: str, table: str) -> str:
    """An index's definition without its own name and its table's."""
    return sql.partition(" ON ")[2].replace(table, "", 1)

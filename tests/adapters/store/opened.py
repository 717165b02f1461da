"""A store on a database that has its tables: everything between a command and the log."""

import contextlib
import itertools
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import asyncpg

from server.adapters.postgres.connections import connect, connect_writer, open_pool
from server.adapters.store.append import Append, NewEvent, StreamCheck
from server.adapters.store.commands import Commands
from server.adapters.store.feed import Feed
from server.adapters.store.intervals import IntervalWriter
from server.adapters.store.log import Log
from server.adapters.store.snapshots import Snapshots
from server.adapters.store.writer import Writer
from server.kernel.ids import Urn
from server.kernel.intent import Intent
from server.kernel.record import record
from tests.adapters.store.shelf import CODEC, PROJECTIONS, ShelfRow

_numbers = itertools.count(1)


@record
class Store:
    """The parts. `feed` follows the log."""

    url: str
    pool: asyncpg.Pool
    writer: Writer
    commands: Commands
    snapshots: Snapshots
    log: Log
    feed: Feed


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    """A running store for shelves."""
    pool = await open_pool(url, size=5)
    log, snapshots = Log(pool), Snapshots(pool)
    feed = Feed(log, partial(connect, url))
    writer = Writer(partial(connect_writer, url), CODEC, PROJECTIONS, IntervalWriter([ShelfRow]), feed.wake)
    try:
        await writer.start()
        await feed.start()
        commands = Commands(pool, writer, CODEC, snapshots)
        yield Store(url=url, pool=pool, writer=writer, commands=commands, snapshots=snapshots, log=log, feed=feed)
    finally:
        await feed.stop()
        await writer.stop()
        await snapshots.drain()
        await pool.close()


def asked(key: str | None = None, *, digest: bytes = b"input", actor: str = "ann") -> Intent:
    """An intent under this key, or under one of its own."""
    name = f"~{next(_numbers)}" if key is None else f"{actor}|{key}"
    return Intent(actor=actor, correlation_id="c-1", key=name, digest=digest, keyed=key is not None)


def append(stream: str, *events: object, check: int | None = None, intent: Intent | None = None) -> Append:
    """Events for one stream, under a check of its version where one is given."""
    urn = Urn(stream)
    return Append(
        intent=intent or asked(),
        checks=() if check is None else (StreamCheck(stream=urn, version=check),),
        events=tuple(NewEvent(stream=urn, event=event) for event in events),
    )


async def shelves(pool: asyncpg.Pool | asyncpg.Connection, condition: str = "true") -> list[dict[str, Any]]:
    """Rows of the read table, in order of the key."""
    rows = await pool.fetch(f"select * from shelf where {condition} order by id, valid_from")
    return [dict(row) for row in rows]

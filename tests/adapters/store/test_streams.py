"""Streams: asked for together, they are read together; each asker gets its own rows, or the fault."""

import asyncio
from typing import cast

import asyncpg
import pytest

from server.adapters.store.snapshots import DIGEST_SQL
from server.adapters.store.streams import MAX_STREAMS, Rows, Streams
from server.kernel.ids import Urn
from tests.adapters.store.opened import Store, append
from tests.adapters.store.shelf import SHELVES, BookPut, Made

SHAPE = SHELVES.shape


class Counted:
    """A pool whose queries are counted, and fail on demand."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self.sizes: list[int] = []
        self.fault: Exception | None = None

    async def fetch(self, query: str, streams: list[str], shapes: list[str]) -> list[asyncpg.Record]:
        self.sizes.append(len(streams))
        if self.fault is not None:
            raise self.fault
        return await self._pool.fetch(query, streams, shapes)


def on(pool: Counted) -> Streams:
    return Streams(cast(asyncpg.Pool, pool))


def seen(rows: Rows) -> list[tuple[str, int, str | None]]:
    return [(row["stream"], row["version"], row["type"]) for row in rows]


async def make(store: Store, *names: str) -> None:
    for name in names:
        await store.writer.submit(append(f"shelf:{name}", Made(name=name), BookPut(title="Emma", books=1), check=0))


async def test_streams_asked_for_at_once_are_read_in_one_query(store: Store) -> None:
    await make(store, "a", "b")
    pool = Counted(store.pool)
    streams = on(pool)
    asked = [Urn("shelf:b"), Urn("shelf:none"), Urn("shelf:a"), Urn("shelf:b")]
    found = await asyncio.gather(*(streams.rows(stream, SHAPE) for stream in asked))
    b = [("shelf:b", 1, "Made"), ("shelf:b", 2, "BookPut")]
    assert [seen(rows) for rows in found] == [b, [], [("shelf:a", 1, "Made"), ("shelf:a", 2, "BookPut")], b]
    assert pool.sizes == [3]


async def test_a_stream_asked_for_during_a_query_is_read_anew(store: Store) -> None:
    await make(store, "a")
    pool = Counted(store.pool)
    streams = on(pool)
    first = asyncio.create_task(streams.rows(Urn("shelf:a"), SHAPE))
    while not pool.sizes:
        await asyncio.sleep(0)
    await store.writer.submit(append("shelf:a", BookPut(title="Ulysses", books=2), check=2))
    second = await streams.rows(Urn("shelf:a"), SHAPE)
    assert [row["version"] for row in second] == [1, 2, 3]
    assert [row["version"] for row in await first][:2] == [1, 2]
    assert pool.sizes == [1, 1]


async def test_a_snapshot_of_the_shape_stands_for_the_events_before_it(store: Store) -> None:
    await make(store, "a", "b")
    await store.pool.execute(
        f"insert into snapshots select kept.*, {DIGEST_SQL}"
        " from (values ('shelf:a', 1, $1, '{}'::jsonb), ('shelf:b', 1, 'another', '{}'))"
        " kept (stream, version, shape, state)",
        SHAPE,
    )
    found = await asyncio.gather(*(on(Counted(store.pool)).rows(Urn(f"shelf:{name}"), SHAPE) for name in "ab"))
    assert [seen(rows) for rows in found] == [
        [("shelf:a", 1, None), ("shelf:a", 2, "BookPut")],
        [("shelf:b", 1, "Made"), ("shelf:b", 2, "BookPut")],
    ]


async def test_a_name_in_another_case_finds_the_stream_as_it_is_spelled(store: Store) -> None:
    await make(store, "a")
    [first, _] = await on(Counted(store.pool)).rows(Urn("shelf:A"), SHAPE)
    assert first["stream"] == "shelf:a"


async def test_a_fault_reaches_every_asker_and_the_next_query_is_tried(store: Store) -> None:
    await make(store, "a")
    pool = Counted(store.pool)
    streams = on(pool)
    pool.fault = OSError("away")
    asked = (streams.rows(Urn("shelf:a"), SHAPE), streams.rows(Urn("shelf:b"), SHAPE))
    assert await asyncio.gather(*asked, return_exceptions=True) == [pool.fault, pool.fault]
    pool.fault = None
    assert len(await streams.rows(Urn("shelf:a"), SHAPE)) == 2


async def test_an_asker_that_goes_away_takes_nothing_from_the_others(store: Store) -> None:
    await make(store, "a")
    streams = on(Counted(store.pool))
    gone, stays = (asyncio.create_task(streams.rows(Urn("shelf:a"), SHAPE)) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    assert len(await stays) == 2
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_a_query_is_bounded(store: Store) -> None:
    pool = Counted(store.pool)
    streams = on(pool)
    asked = [Urn(f"shelf:{number}") for number in range(MAX_STREAMS + 1)]
    assert await asyncio.gather(*(streams.rows(stream, SHAPE) for stream in asked)) == [[]] * len(asked)
    assert pool.sizes == [MAX_STREAMS, 1]

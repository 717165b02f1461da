"""Reading the log: a filter means the same in SQL and in the feed; instants mean positions."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.adapters.postgres.connections import open_pool
from server.adapters.store.log import EventQuery, Log, StoredEvent
from tests.adapters.store.opened import Store, append
from tests.adapters.store.shelf import BookPut, Made

TYPES = ("Made", "BookPut", "made", "Zażółć")
STREAMS = ("shelf:a", "shelf:A", "shelf:it's", 'shelf:"q"', "shelf:\\", "dataset:a")
ACTORS = ("ann", "Ann", "o'hara", "", "{}", "ann\\")
THINGS = ("name:a", "name:A", "dataset:sales", "name:%", 'name:"x"', "name:\\u0041")
REQUESTS = ("c-1", "c-2", "'; drop table events; --")

START = datetime(2026, 1, 31, 12, tzinfo=UTC)
COUNT = 60
INSTANTS = st.integers(-1, COUNT + 1).flatmap(
    lambda n: st.sampled_from((-1, 0, 1)).map(lambda off: START + timedelta(seconds=n, microseconds=off))
)
QUERIES = st.builds(
    EventQuery,
    after_position=st.none() | st.integers(-1, COUNT + 1),
    before_position=st.none() | st.integers(-1, COUNT + 2),
    types=st.none() | st.lists(st.sampled_from((*TYPES, "Unknown")), max_size=3).map(tuple),
    stream=st.none() | st.sampled_from((*STREAMS, "shelf:unknown")),
    about=st.lists(st.sampled_from(THINGS), max_size=2).map(tuple),
    actor=st.none() | st.sampled_from(ACTORS),
    since=st.none() | INSTANTS,
    until=st.none() | INSTANTS,
    correlation_id=st.none() | st.sampled_from(REQUESTS),
)


@pytest.fixture
async def pool(store_url: str) -> AsyncIterator[asyncpg.Pool]:
    """A log of events of every mixture, one a second."""
    pool = await open_pool(store_url, size=2)
    rows = []
    versions: dict[str, int] = {}
    for number in range(COUNT):
        stream = STREAMS[number * 7 % len(STREAMS)]
        version = versions[stream.lower()] = versions.get(stream.lower(), 0) + 1
        about = [THINGS[number % len(THINGS)], THINGS[number * 5 // 3 % len(THINGS)]][: number % 3]
        actor, request = ACTORS[number * 5 % 7 % len(ACTORS)], REQUESTS[number % 11 % len(REQUESTS)]
        meta = orjson.dumps({"actor": actor, "correlation_id": request, "about": about, "shape": 1}).decode()
        at = START + timedelta(seconds=number)
        rows.append((number + 1, stream, version, TYPES[number % len(TYPES)], "{}", meta, at, bytes(32)))
    await pool.executemany("insert into events values ($1, $2, $3, $4, $5, $6, $7, $8)", rows)
    yield pool
    await pool.close()


def positions(events: list[StoredEvent]) -> list[int]:
    return [event.position for event in events]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=QUERIES)
async def test_a_filter_finds_in_sql_what_it_matches_in_the_feed(pool: asyncpg.Pool, query: EventQuery) -> None:
    log = Log(pool)
    every = await log.between(1, COUNT)
    expected = [event.position for event in every if query.matches(event)]
    assert len(every) == COUNT
    assert positions(await log.matching(query, 0, COUNT)) == expected
    assert positions(await log.page(query, COUNT)) == expected
    assert positions(await log.page(query, 3)) == expected[:3]
    assert positions(await log.page(query, 3, newest_first=True)) == expected[::-1][:3]
    assert await log.count(query) == len(expected)
    assert positions(await log.matching(query, 20, 30)) == [p for p in expected if 20 < p <= 30]


async def test_reads_events_by_their_positions_in_order(store: Store) -> None:
    await store.writer.submit(append("shelf:a", Made(name="a"), BookPut(title="Emma", books=1)))
    await store.writer.submit(append("shelf:b", Made(name="b")))
    assert positions(await store.log.at_positions([3, 1, 9])) == [1, 3]
    assert positions(await store.log.between(2, 9)) == [2, 3]
    (event,) = await store.log.between(2, 2)
    assert (event.id, event.stream, event.version, event.type) == ("event:2", "shelf:a", 2, "BookPut")
    assert event.data == {"title": "Emma", "books": 1}


async def test_an_instant_means_the_last_position_recorded_by_then(store: Store) -> None:
    assert await store.log.position_at(START.replace(year=2020)) == 0
    for number in range(3):
        await store.writer.submit(append(f"shelf:{number}", Made(name="a"), BookPut(title="Emma", books=1)))
    tick = timedelta(microseconds=1)
    instants = [event.recorded_at for event in await store.log.between(1, 6)]
    assert [await store.log.position_at(instant) for instant in instants] == [2, 2, 4, 4, 6, 6]
    assert [await store.log.position_at(instant - tick) for instant in instants[::2]] == [0, 2, 4]
    now = await store.pool.fetchval("select clock_timestamp()")
    assert await store.log.position_at(now) == 6
    assert await store.log.position_at(now + timedelta(days=1)) is None


async def test_an_instant_waits_for_a_transaction_that_may_carry_an_earlier_one(
    store: Store, connection: asyncpg.Connection
) -> None:
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(
        "select append_many(array['k'], array['\\x00'::bytea], array[0], array[0], array[1], array[]::text[],"
        " array[]::int[], array[]::text[], array[]::text[], array[]::bigint[], array['shelf:a'], array['Made'],"
        ' array[\'{"name": "a"}\'::jsonb], array[\'{"shape": 1}\'::jsonb])'
    )
    now = await store.pool.fetchval("select clock_timestamp()")
    asked = store.log.position_at(now)
    await transaction.commit()
    assert await asked == 1

"""The feed: every reader gets each matching event once and in order, wherever it starts and however slow it is."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator

import asyncpg
import pytest

from server.adapters.store import feed as feeds
from server.adapters.store.feed import Feed, LogHole
from server.adapters.store.log import EventQuery, StoredEvent
from tests.adapters.store.opened import Store, append, asked, opened
from tests.adapters.store.shelf import BookPut, Burnt, Made

EVERYTHING = EventQuery()
SECONDS = 30

LISTENERS = "select pid from pg_stat_activity where datname = current_database() and query like 'LISTEN%'"


async def write(store: Store, name: str, commands: int) -> None:
    """Two events for each command: 2 x `commands` positions."""
    for number in range(commands):
        stream = f"shelf:{name}{number}"
        await store.writer.submit(append(stream, Made(name=stream), BookPut(title="Emma", books=1)))


async def read(feed: Feed, after: int, upto: int, query: EventQuery = EVERYTHING) -> list[int]:
    """The positions of what a reader gets, up to one."""
    seen: list[int] = []
    async with contextlib.aclosing(feed.after(after, query)) as reader, asyncio.timeout(SECONDS):
        async for event in reader:
            seen.append(event.position)
            if event.position >= upto:
                break
    return seen


async def until_seen(feed: Feed, position: int) -> None:
    """Return when the tail stands at the position."""
    async with asyncio.timeout(SECONDS):
        async for event in feed.after(position - 1, EVERYTHING):
            assert event.position == position
            return


@pytest.fixture
async def other(store: Store) -> AsyncIterator[Store]:
    """A second store on the same database, as in another process."""
    async with opened(store.url) as other:
        yield other


@pytest.fixture
def small_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ring that a reader soon falls behind. Asked for before the store, which makes the feed."""
    monkeypatch.setattr(feeds, "RING", 16)
    monkeypatch.setattr(feeds, "PAGE", 5)


def any_query(source: random.Random) -> EventQuery:
    return EventQuery(
        types=source.choice([None, ("Made",), ("BookPut", "Burnt"), ("Unknown",)]),
        about=source.choice([(), (), ("name:left1",)]),
        actor=source.choice([None, None, "ann", "bob"]),
        stream=source.choice([None, None, None, "shelf:left3", "shelf:right7"]),
        before_position=source.choice([None, None, 100]),
    )


async def test_100_readers_get_what_their_filter_matches_while_two_stores_write(
    small_ring: None, store: Store, other: Store
) -> None:
    source = random.Random(7)
    got: list[tuple[int, EventQuery, list[StoredEvent]]] = []

    async def reader(feed: Feed, query: EventQuery, start: int, slow: int) -> None:
        seen: list[StoredEvent] = []
        got.append((start, query, seen))
        async for event in feed.after(start, query):
            seen.append(event)
            for _ in range(slow):
                await asyncio.sleep(0)

    async def write_as(store: Store, name: str, actor: str) -> None:
        for number in range(40):
            stream = f"shelf:{name}{number}"
            intent = asked(f"{name}{number}", actor=actor)
            await store.writer.submit(
                append(stream, Made(name=stream), BookPut(title="Emma", books=1), check=0, intent=intent)
            )

    readers = [
        asyncio.create_task(
            reader(
                source.choice((store, other)).feed, any_query(source), source.randrange(60), source.choice((0, 0, 9))
            )
        )
        for _ in range(50)
    ]
    await asyncio.gather(write_as(store, "left", "ann"), write_as(other, "right", "bob"))
    readers += [
        asyncio.create_task(reader(source.choice((store, other)).feed, any_query(source), source.randrange(160), 3))
        for _ in range(50)
    ]
    await store.writer.submit(append("shelf:left0", Burnt()))
    await asyncio.gather(*(until_seen(opened.feed, 161) for opened in (store, other)))
    await asyncio.gather(store.feed.stop(), other.feed.stop())
    await asyncio.gather(*readers)

    every = await store.log.between(1, 161)
    assert [event.position for event in every] == list(range(1, 162))
    assert len(got) == 100
    assert sum(len(seen) for _, _, seen in got) > 1000
    for start, query, seen in got:
        assert seen == [event for event in every if event.position > start and query.matches(event)]


async def test_a_reader_far_behind_the_ring_reads_its_past_and_then_the_present(small_ring: None, store: Store) -> None:
    reader = store.feed.after(0, EVERYTHING)
    await write(store, "a", 1)
    assert (await anext(reader)).position == 1
    await write(store, "b", 50)
    await until_seen(store.feed, 102)
    assert store.feed.first == 102 - 16 + 1
    seen = [(await anext(reader)).position for _ in range(101)]
    await write(store, "c", 1)
    seen += [(await anext(reader)).position for _ in range(2)]
    await reader.aclose()
    assert seen == list(range(2, 105))


async def test_a_sparse_filter_gets_through_a_long_past(small_ring: None, store: Store) -> None:
    await write(store, "a", 50)
    await store.writer.submit(append("shelf:a0", Burnt()))
    assert await read(store.feed, 0, 101, EventQuery(types=("Burnt",))) == [101]


async def test_a_reader_resumes_anywhere_without_gap_or_duplicate(small_ring: None, store: Store, other: Store) -> None:
    await write(store, "a", 20)
    seen: list[int] = []
    writing = asyncio.create_task(write(other, "b", 20))
    for upto, reading in ((3, store), (20, other), (41, store), (80, other)):
        seen += await read(reading.feed, seen[-1] if seen else 0, upto)
    await writing
    assert seen == list(range(1, 81))


async def test_a_reader_at_the_head_waits_for_the_next_event(store: Store, other: Store) -> None:
    await write(store, "a", 2)
    reading = asyncio.create_task(read(other.feed, 4, 6))
    await write(store, "b", 1)
    assert await reading == [5, 6]


async def test_a_feed_that_starts_late_serves_the_past_too(store: Store) -> None:
    await write(store, "a", 3)
    async with opened(store.url) as late:
        assert (late.feed.first, late.feed.last) == (7, 6)
        assert await read(late.feed, 0, 6) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("commands", [3, 20])  # within the ring, and beyond it
async def test_the_tail_rests_while_nobody_reads_and_misses_nothing(
    small_ring: None, store: Store, commands: int
) -> None:
    await write(store, "a", commands)
    assert store.feed.last == 0
    late = asyncio.create_task(read(store.feed, 2 * commands, 2 * commands + 2))
    assert await read(store.feed, 0, 2 * commands) == list(range(1, 2 * commands + 1))
    await write(store, "b", 1)
    assert await late == [2 * commands + 1, 2 * commands + 2]


async def test_listens_anew_when_its_connection_is_killed(store: Store, other: Store) -> None:
    async def listening() -> set[int]:
        return {row["pid"] for row in await store.pool.fetch(LISTENERS)}

    async with asyncio.timeout(SECONDS):
        while len(before := await listening()) < 2:
            continue
        for pid in before:
            await store.pool.execute("select pg_terminate_backend($1, 5000)", pid)
        await write(store, "a", 3)
        assert await read(other.feed, 0, 6) == [1, 2, 3, 4, 5, 6]
        while len(after := await listening()) < 2:
            continue
    assert not before & after
    await write(store, "b", 1)
    assert await read(other.feed, 6, 8) == [7, 8]


async def test_a_notification_wakes_the_tail_of_the_other_store(
    store: Store, other: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with asyncio.timeout(SECONDS):
        while len(await store.pool.fetch(LISTENERS)) < 2:
            continue
    monkeypatch.setattr(feeds, "POLL_SECONDS", 3600.0)
    await write(store, "a", 1)  # ends the last short wait, at the latest
    assert await read(other.feed, 0, 2) == [1, 2]
    await write(store, "b", 1)
    assert await read(other.feed, 2, 4) == [3, 4]


async def test_a_lost_notification_costs_one_poll(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Feed, "wake", lambda self: None)
    await write(store, "a", 2)
    assert await read(store.feed, 0, 4) == [1, 2, 3, 4]


async def test_goes_on_when_the_log_could_not_be_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    faults: list[Exception] = [asyncpg.InternalClientError("cut"), OSError("gone"), RuntimeError("whatever")]
    between = store.log.between

    async def failing(first: int, last: int) -> list[StoredEvent]:
        if faults:
            raise faults.pop()
        return await between(first, last)

    monkeypatch.setattr(feeds, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(store.log, "between", failing)
    await write(store, "a", 2)
    assert await read(store.feed, 0, 4) == [1, 2, 3, 4]
    assert faults == []


async def test_readers_end_when_the_feed_stops(store: Store) -> None:
    await write(store, "a", 2)
    reader = store.feed.after(0, EVERYTHING)
    assert (await anext(reader)).position == 1
    await until_seen(store.feed, 4)
    await store.feed.stop()
    assert [event.position async for event in reader] == [2, 3, 4]


async def test_a_hole_in_the_log_ends_every_reader_with_a_fault(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    await write(store, "a", 1)
    await until_seen(store.feed, 2)
    reader = store.feed.after(0, EVERYTHING)
    async with store.pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "insert into events select 4, 'shelf:x', 1, type, data, meta, recorded_at, hash from events limit 1"
        )
        await connection.execute("update event_head set position = 4")
    store.feed.wake()
    assert [(await anext(reader)).position for _ in range(2)] == [1, 2]
    with pytest.raises(LogHole, match=r"^position 3 is missing from the log$"):
        await anext(reader)
    with pytest.raises(LogHole):
        await anext(store.feed.after(2, EVERYTHING))
    assert [record.message for record in caplog.records if record.levelname == "CRITICAL"] == [
        "position 3 is missing from the log"
    ]

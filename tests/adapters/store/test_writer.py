"""The group-commit writer: one group, one transaction; faults stay with their command."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from server.adapters.postgres.connections import connect
from server.adapters.store import writer as writers
from server.adapters.store.append import Outcome, Result
from server.adapters.store.intervals import IntervalWriter, ProjectionFault
from server.adapters.store.writer import Writer
from server.kernel.errors import Unavailable
from tests.adapters.store.opened import Store, append, asked, shelves
from tests.adapters.store.shelf import CODEC, PROJECTIONS, BookPut, Burnt, Cursed, Made, ShelfRow

SECONDS = 30


@contextlib.asynccontextmanager
async def head_locked(url: str) -> AsyncIterator[asyncpg.Connection]:
    """The head row in other hands, as while a rebuild swaps its tables."""
    connection = await connect(url)
    try:
        async with connection.transaction():
            await connection.execute("select 1 from event_head for update")
            yield connection
    finally:
        await connection.close()


async def until_blocked(connection: asyncpg.Connection) -> None:
    """Return when somebody waits for a lock."""
    waiting = (
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        " and query like '%append_many%'"
    )
    async with asyncio.timeout(SECONDS):
        while not await connection.fetchval(waiting):
            await connection.execute("select pg_stat_clear_snapshot()")


@contextlib.asynccontextmanager
async def writing(connecting: Callable[[], Awaitable[asyncpg.Connection]]) -> AsyncIterator[Writer]:
    """A writer with a connection of the test's own making."""
    writer = Writer(connecting, CODEC, PROJECTIONS, IntervalWriter([ShelfRow]))
    await writer.start()
    try:
        yield writer
    finally:
        await writer.stop()


async def streams(pool: asyncpg.Pool) -> list[str]:
    return [row["stream"] for row in await pool.fetch("select stream from events order by position")]


async def test_writes_events_and_rows_of_the_read_table_together(store: Store) -> None:
    result = await store.writer.submit(append("shelf:a", Made(name="a"), BookPut(title="Emma", books=1), check=0))
    assert (result.outcome, result.first, result.last) == (Outcome.APPENDED, 1, 2)
    row = {"id": "shelf:a", "name": "a"}
    forever = 2**63 - 1
    assert await shelves(store.pool) == [
        row | {"valid_from": 1, "valid_to": 2, "books": 0, "newest": None},
        row | {"valid_from": 2, "valid_to": forever, "books": 1, "newest": '{"title": "Emma"}'},
    ]


async def test_a_projection_that_fails_fails_its_command_alone_and_the_order_stays(store: Store) -> None:
    bad = {0, 7, 8, 63}
    appends = [append(f"shelf:{n}", Cursed() if n in bad else Made(name=f"{n}"), check=0) for n in range(64)]
    results = await asyncio.gather(*map(store.writer.submit, appends), return_exceptions=True)
    assert {n for n, result in enumerate(results) if isinstance(result, ArithmeticError)} == bad
    good = [result for result in results if isinstance(result, Result)]
    assert [result.outcome for result in good] == [Outcome.APPENDED] * 60
    assert [result.first for result in good] == list(range(1, 61))
    assert await streams(store.pool) == [f"shelf:{n}" for n in range(64) if n not in bad]
    assert len(await shelves(store.pool)) == 60
    assert await store.pool.fetchval("select count(*) from commands") == 60


async def test_a_change_of_a_row_that_does_not_stand_records_nothing(store: Store) -> None:
    with pytest.raises(ProjectionFault, match=r"^shelf:a changes, but it does not stand$"):
        await store.writer.submit(append("shelf:a", BookPut(title="Emma", books=1)))
    assert await streams(store.pool) == []


async def test_a_row_that_is_opened_twice_records_nothing_the_second_time(store: Store) -> None:
    await store.writer.submit(append("shelf:a", Made(name="a")))
    with pytest.raises(asyncpg.UniqueViolationError):
        await store.writer.submit(append("shelf:a", Made(name="b")))
    assert [row["name"] for row in await shelves(store.pool)] == ["a"]
    assert await streams(store.pool) == ["shelf:a"]


async def test_every_command_stands_once_when_the_backend_is_killed_again_and_again(store: Store) -> None:
    results: dict[int, Result] = {}
    moved = asyncio.Condition()

    async def work(numbers: range) -> None:
        for number in numbers:
            command = append(f"shelf:{number}", Made(name=f"{number}"), check=0, intent=asked(f"k{number}"))
            results[number] = await store.writer.submit(command)
            async with moved:
                moved.notify_all()

    async def killer() -> int:
        killed = 0
        for count in range(10, 300, 10):
            async with moved:
                await moved.wait_for(lambda count=count: len(results) >= count)
            connection = store.writer._connection
            assert connection is not None
            if not connection.is_closed():
                killed += await store.pool.fetchval("select pg_terminate_backend($1)", connection.get_server_pid())
        return killed

    async with asyncio.timeout(SECONDS * 2):
        killed, *_ = await asyncio.gather(killer(), *(work(range(n, 300, 32)) for n in range(32)))
    assert killed >= 5
    assert {result.outcome for result in results.values()} <= {Outcome.APPENDED, Outcome.DUPLICATE}
    assert sorted(result.first or 0 for result in results.values()) == list(range(1, 301))
    found = await store.pool.fetch("select position, stream from events order by position")
    assert {row["stream"]: row["position"] for row in found} == {f"shelf:{n}": r.first for n, r in results.items()}
    assert len(await shelves(store.pool)) == 300


async def test_finds_a_connection_that_was_lost_while_nothing_happened(store: Store) -> None:
    await store.writer.submit(append("shelf:a", Made(name="a")))
    await store.pool.execute(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
        " where datname = current_database() and query = 'COMMIT;'"
    )
    result = await store.writer.submit(append("shelf:b", Made(name="b"), check=0))
    assert (result.outcome, result.first) == (Outcome.APPENDED, 2)


async def test_is_unavailable_when_too_many_wait_and_loses_none_of_them(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "MAX_WAITING", 5)
    async with writing(lambda: connect(store_url)) as writer:
        async with head_locked(store_url) as other:
            first = asyncio.create_task(writer.submit(append("shelf:first", Made(name="first"))))
            await until_blocked(other)
            waiting = [asyncio.create_task(writer.submit(append(f"shelf:{n}", Made(name=f"{n}")))) for n in range(5)]
            await asyncio.sleep(0)  # they stand in the queue now
            with pytest.raises(Unavailable, match=r"^5 commands wait already; try again in a moment$"):
                await writer.submit(append("shelf:late", Made(name="late")))
        results = await asyncio.gather(first, *waiting)
    assert [result.first for result in results] == [1, 2, 3, 4, 5, 6]


async def test_is_unavailable_while_the_head_is_locked_and_goes_on_afterwards(store_url: str) -> None:
    async def hasty() -> asyncpg.Connection:
        return await asyncpg.connect(store_url, server_settings={"lock_timeout": "50"})

    async with writing(hasty) as writer:
        async with head_locked(store_url):
            with pytest.raises(Unavailable, match=r"^the event log is locked by a long task; try again in a moment$"):
                await writer.submit(append("shelf:a", Made(name="a")))
        assert (await writer.submit(append("shelf:b", Made(name="b")))).first == 1


async def test_a_caller_that_goes_away_does_not_undo_its_command(store_url: str) -> None:
    async with writing(lambda: connect(store_url)) as writer:
        async with head_locked(store_url) as other:
            gone = asyncio.create_task(writer.submit(append("shelf:a", Made(name="a"))))
            await until_blocked(other)
            gone.cancel()
            with pytest.raises(asyncio.CancelledError):
                await gone
        result = await writer.submit(append("shelf:a", Burnt(), check=1))
    assert (result.outcome, result.first) == (Outcome.APPENDED, 2)


async def test_writes_what_waits_before_it_stops_and_takes_nothing_more(store_url: str) -> None:
    writer = Writer(lambda: connect(store_url), CODEC, PROJECTIONS, IntervalWriter([ShelfRow]))
    await writer.start()
    async with head_locked(store_url) as other:
        first = asyncio.create_task(writer.submit(append("shelf:first", Made(name="first"))))
        await until_blocked(other)
        waiting = [asyncio.create_task(writer.submit(append(f"shelf:{n}", Made(name=f"{n}")))) for n in range(9)]
        await asyncio.sleep(0)
        stopping = asyncio.create_task(writer.stop())
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match=r"^the event store is stopped; try again when the server is back$"):
            await writer.submit(append("shelf:late", Made(name="late")))
    assert [result.first for result in await asyncio.gather(first, *waiting)] == list(range(1, 11))
    await stopping
    with pytest.raises(Unavailable):
        await writer.submit(append("shelf:later", Made(name="later")))


async def test_splits_what_is_too_large_for_one_group_and_keeps_the_order(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "MAX_GROUP_BYTES", 100)
    monkeypatch.setattr(writers, "MAX_GROUP", 7)
    names = [f"{number:0{10 * (number % 5) + 3}}" for number in range(40)]
    results = await asyncio.gather(*(store.writer.submit(append(f"shelf:{n}", Made(name=n))) for n in names))
    assert [result.first for result in results] == list(range(1, 41))
    assert await streams(store.pool) == [f"shelf:{name}" for name in names]

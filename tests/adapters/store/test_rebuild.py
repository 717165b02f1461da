"""Rebuild: the read tables made anew from the log are those that stand, row for row."""

import asyncio
import random

import asyncpg
import pytest

from server.adapters.store import rebuild as rebuilds
from server.adapters.store.rebuild import Rebuilt, rebuild
from tests.adapters.store.opened import Store, append, shelves
from tests.adapters.store.shelf import CODEC, PROJECTIONS, BookPut, Burnt, Made, ShelfRow

INDEXES = "select indexname, indexdef from pg_indexes where schemaname = 'public' order by 1"
CONSTRAINTS = "select conname, pg_get_constraintdef(oid) from pg_constraint where connamespace = 'public'::regnamespace"
RELATIONS = "select relname from pg_class where relnamespace = 'public'::regnamespace order by 1"


async def live(store: Store, commands: int, seed: int = 7) -> None:
    """A history of shelves that are made, filled, burnt and made again."""
    source = random.Random(seed)
    books: dict[str, int] = {}
    appends = []
    for _ in range(commands):
        stream = f"shelf:{seed}-{source.randrange(9)}"
        if stream not in books:
            books[stream] = 0
            appends.append(append(stream, Made(name=stream)))
        elif source.random() < 0.2:
            del books[stream]
            appends.append(append(stream, Burnt()))
        else:
            books[stream] += 2
            put = [BookPut(title=f"{n}", books=books[stream] - 1 + n) for n in range(2)]
            appends.append(append(stream, *put))
    await asyncio.gather(*map(store.writer.submit, appends))


async def run(connection: asyncpg.Connection) -> Rebuilt:
    return await rebuild(connection, CODEC, PROJECTIONS, [ShelfRow])


async def facts(connection: asyncpg.Connection) -> list[list[tuple[object, ...]]]:
    return [[tuple(r) for r in await connection.fetch(q)] for q in (INDEXES, f"{CONSTRAINTS} order by 1", RELATIONS)]


@pytest.mark.parametrize("chunk", [1000, 7])
async def test_equals_the_live_tables_row_for_row_and_keeps_every_name(
    store: Store, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(rebuilds, "CHUNK", chunk)
    await live(store, 120)
    before, named = await shelves(store.pool), await facts(connection)
    head = await store.log.head()
    assert len(before) > 100
    for _ in range(2):
        assert await run(connection) == Rebuilt(events=head, tables=("shelf",))
        assert await shelves(store.pool) == before
        assert await facts(connection) == named


async def test_mends_a_table_that_was_damaged(store: Store, connection: asyncpg.Connection) -> None:
    await live(store, 60)
    before = await shelves(store.pool)
    await connection.execute("delete from shelf where books > 1")
    await connection.execute("update shelf set name = 'wrong'")
    await run(connection)
    assert await shelves(store.pool) == before


async def test_an_empty_log_makes_empty_tables(connection: asyncpg.Connection) -> None:
    assert await run(connection) == Rebuilt(events=0, tables=("shelf",))
    assert await shelves(connection) == []


async def test_clears_away_what_an_interrupted_rebuild_left(store: Store, connection: asyncpg.Connection) -> None:
    await live(store, 30)
    before, named = await shelves(store.pool), await facts(connection)
    await connection.execute("create table shelf__rebuilt (like shelf including all)")
    await connection.execute("insert into shelf__rebuilt select * from shelf")
    await run(connection)
    assert await shelves(store.pool) == before
    assert await facts(connection) == named


async def test_appends_and_reads_go_on_meanwhile_and_nothing_is_missed(
    store: Store, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilds, "CHUNK", 20)
    await live(store, 100)
    over = asyncio.Event()
    read = 0

    async def write() -> int:
        seed = 100
        while not over.is_set():
            await live(store, 20, seed)
            seed += 1
        return seed - 100

    async def reading() -> None:
        nonlocal read
        while not over.is_set():
            head = await store.log.head()
            count = await store.pool.fetchval("select count(distinct id) from shelf where valid_from <= $1", head)
            assert count >= 9
            read += 1

    async def rebuilding() -> list[Rebuilt]:
        done = [await run(connection) for _ in range(3)]
        over.set()
        return done

    done, rounds, _ = await asyncio.gather(rebuilding(), write(), reading())
    assert [result.events for result in done] == sorted(result.events for result in done)
    assert rounds > 1
    assert read > 1
    appended = await shelves(store.pool)
    assert {row["id"] for row in appended} == {
        row["stream"] for row in await store.pool.fetch("select distinct stream from events")
    }
    await run(connection)
    assert await shelves(store.pool) == appended


async def test_two_at_once_follow_one_another(store: Store, connection: asyncpg.Connection) -> None:
    await live(store, 60)
    before, named = await shelves(store.pool), await facts(connection)
    other = await asyncpg.connect(store.url)
    done = await asyncio.gather(run(connection), run(other))
    await other.close()
    assert done[0] == done[1]
    assert await shelves(store.pool) == before
    assert await facts(connection) == named


async def test_the_writer_goes_on_in_the_new_table(store: Store, connection: asyncpg.Connection) -> None:
    await store.writer.submit(append("shelf:a", Made(name="a")))
    await run(connection)
    await store.writer.submit(append("shelf:a", BookPut(title="Emma", books=1)))
    assert [(r["valid_from"], r["books"]) for r in await shelves(store.pool)] == [(1, 0), (2, 1)]


async def test_a_projection_that_fails_leaves_the_tables_as_they_were(
    store: Store, connection: asyncpg.Connection
) -> None:
    await live(store, 30)
    before = await shelves(store.pool)
    with pytest.raises(KeyError):
        await rebuild(connection, CODEC, {}, [ShelfRow])
    assert await shelves(store.pool) == before
    await run(connection)
    assert await shelves(store.pool) == before


async def test_a_long_reader_holds_up_the_rebuild_and_nobody_else(
    store: Store, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await live(store, 20)
    finished = rebuilds._finish
    tries: asyncio.Queue[int | None] = asyncio.Queue()

    async def finish(*arguments: object) -> int | None:
        tries.put_nowait(end := await finished(*arguments))
        return end

    monkeypatch.setattr(rebuilds, "_finish", finish)
    async with asyncio.timeout(60), store.pool.acquire() as reader:
        transaction = reader.transaction()
        await transaction.start()
        assert await reader.fetchval("select count(*) from shelf") > 0
        rebuilding = asyncio.create_task(run(connection))
        assert await tries.get() is None
        await live(store, 20, seed=8)
        assert not rebuilding.done()
        await transaction.rollback()
        assert (await rebuilding).events == await store.log.head()
    assert len(await shelves(store.pool)) > 20

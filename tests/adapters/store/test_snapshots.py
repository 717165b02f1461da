"""Snapshots: a cache that changes no answer."""

import asyncpg
import pytest

from server.adapters.store import snapshots
from server.adapters.store.aggregate import Aggregate, Loaded
from server.kernel.ids import Kind, Urn
from tests.adapters.store.opened import Store, append, asked
from tests.adapters.store.shelf import SHELF, SHELVES, BookPut, Burn, Command, Made, Make, Put, Shelf, State

A = Urn("shelf:a")
OTHER_SHAPE = Aggregate(Kind.DATASET, SHELF, Shelf | None | int)


@pytest.fixture
def every_5(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "EVERY", 5)


async def do(store: Store, command: Command) -> None:
    await store.commands.execute(SHELVES, A, command, asked())
    await store.snapshots.drain()


async def fill(store: Store, books: int) -> None:
    await do(store, Make(name="a"))
    for number in range(books):
        await do(store, Put(titles=(f"book {number}",)))


async def kept(store: Store) -> list[tuple[str, int]]:
    return [tuple(row) for row in await store.pool.fetch("select stream, version from snapshots")]


async def test_a_stream_loads_the_same_with_and_without_its_snapshot_at_every_version(
    every_5: None, store: Store
) -> None:
    await do(store, Make(name="a"))
    titles: list[str] = []
    versions: set[int] = set()
    for number in range(23):
        added = tuple(f"book {number}.{copy}" for copy in range(number % 4))
        await do(store, Put(titles=added))
        titles += added
        expected = Loaded(A, len(titles) + 1, Shelf(name="a", titles=tuple(titles)))
        assert await store.commands.load(SHELVES, A) == expected
        versions |= {version for _, version in await kept(store)}
        async with store.pool.acquire() as connection:
            saved = await connection.fetch("delete from snapshots returning *")
            assert await store.commands.load(SHELVES, A) == expected
            await store.snapshots.drain()
            await connection.execute("delete from snapshots")
            await connection.executemany("insert into snapshots values ($1, $2, $3, $4, $5)", list(map(tuple, saved)))
    assert len(versions) >= 5


async def test_keeps_one_snapshot_when_a_multiple_of_its_interval_is_passed(every_5: None, store: Store) -> None:
    await fill(store, 3)
    assert await kept(store) == []
    await do(store, Put(titles=("fifth",)))
    assert await kept(store) == [(A, 4)]
    await do(store, Put(titles=tuple("abcdefghijkl")))
    assert await kept(store) == [(A, 5)]


async def test_a_snapshot_is_what_loading_starts_from(every_5: None, store: Store) -> None:
    await fill(store, 6)
    await store.snapshots.save(SHELVES, Loaded(A, 5, Shelf(name="from the snapshot")))
    assert (await store.commands.load(SHELVES, A)).state == Shelf(name="from the snapshot", titles=("book 4", "book 5"))


async def test_a_snapshot_of_another_shape_is_ignored_and_replaced(every_5: None, store: Store) -> None:
    await fill(store, 5)
    await store.pool.execute("""update snapshots set shape = 'other', version = 5000, state = '["nonsense"]'""")
    loaded = await store.commands.load(SHELVES, A)
    assert loaded == Loaded(A, 6, Shelf(name="a", titles=tuple(f"book {n}" for n in range(5))))
    await store.snapshots.save(SHELVES, loaded)
    assert await kept(store) == [(A, 6)]
    assert await store.commands.load(SHELVES, A) == loaded


@pytest.mark.parametrize(
    "flip",
    [
        """state = '{"name": "b", "titles": ["book 0", "book 1", "book 2"]}'""",
        """state = '"nonsense"'""",
        "version = 3",
        "version = 5000",
        "digest = '\\x00'",
    ],
)
async def test_a_snapshot_that_is_not_what_was_kept_is_folded_anew_and_replaced(
    every_5: None, store: Store, flip: str
) -> None:
    await fill(store, 5)
    assert await kept(store) == [(A, 4)]
    await store.pool.execute(f"update snapshots set {flip}")
    whole = Loaded(A, 6, Shelf(name="a", titles=tuple(f"book {n}" for n in range(5))))
    assert await store.commands.load(SHELVES, A) == whole
    await store.snapshots.drain()
    assert await kept(store) == [(A, 6)]
    assert await store.commands.load(SHELVES, A) == whole


async def test_a_stream_that_grew_without_a_command_of_its_own_is_kept_when_it_is_loaded(
    every_5: None, store: Store
) -> None:
    await store.writer.submit(append(A, Made(name="a"), *(BookPut(title=f"{n}", books=n) for n in range(1, 4))))
    assert (await store.commands.load(SHELVES, A)).version == 4
    await store.snapshots.drain()
    assert await kept(store) == []
    await store.writer.submit(append(A, BookPut(title="4", books=4)))
    loaded = await store.commands.load(SHELVES, A)
    await store.snapshots.drain()
    assert await kept(store) == [(A, 5)]
    assert await store.commands.load(SHELVES, A) == loaded == Loaded(A, 5, Shelf(name="a", titles=("1", "2", "3", "4")))
    other = Urn("shelf:A")
    assert await store.commands.load(SHELVES, other) == loaded
    await store.snapshots.drain()
    assert await kept(store) == [(A, 5)]


async def test_states_with_other_fields_have_another_shape() -> None:
    assert SHELVES.shape == Aggregate(Kind.BATCH, SHELF, State).shape
    assert SHELVES.shape != OTHER_SHAPE.shape


async def test_an_older_snapshot_does_not_replace_a_newer_one(store: Store) -> None:
    newer, older = Loaded(A, 9, Shelf(name="newer")), Loaded(A, 8, Shelf(name="older"))
    await store.snapshots.save(SHELVES, newer)
    await store.snapshots.save(SHELVES, older)
    assert await kept(store) == [(A, 9)]


async def test_a_stream_that_ended_loads_from_a_snapshot_of_nothing(every_5: None, store: Store) -> None:
    await fill(store, 2)
    await do(store, Burn())
    await do(store, Make(name="a"))
    assert await kept(store) == [(A, 4)]
    assert await store.commands.load(SHELVES, A) == Loaded(A, 5, Shelf(name="a"))


async def test_a_snapshot_that_cannot_be_kept_harms_no_command(
    every_5: None, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    await store.pool.execute("alter table snapshots add constraint full_disk check (version < 0)")
    await fill(store, 6)
    assert (await store.commands.load(SHELVES, A)).version == 7
    assert await kept(store) == []
    assert {r.message for r in caplog.records} == {"snapshot of shelf:a not kept: CheckViolationError"}


async def test_a_pool_that_is_closed_harms_no_snapshot(store_url: str) -> None:
    pool = await asyncpg.create_pool(store_url, min_size=0, max_size=1)
    await pool.close()
    keeper = snapshots.Snapshots(pool)
    keeper.note(SHELVES, Loaded(A, 99, Shelf(name="a")), [object()])
    await keeper.drain()

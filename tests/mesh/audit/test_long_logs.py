"""Lakes that are read thousands of times: their state is read in few events, and their log can be made anew."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from server.adapters.store.rebuild import rebuild
from server.adapters.store.snapshots import EVERY
from server.kernel.ids import Urn
from server.mesh.audit.places import Place
from server.mesh.audit.service import Access, Action, Reading
from server.mesh.lake.stream import LAKES
from server.mesh.slices import CODEC, PROJECTIONS, TABLES
from tests.mesh.at_work import AtWork, at_work
from tests.mesh.audit.lakes import head, ingest, lake, log

LAKE = Urn("lake:open")
READERS, READS = 20, 60
READING = Reading(accessor="bi", purpose="report", correlation_id="c-1")


@pytest.fixture
async def mesh(database_url: str, tmp_path: Path) -> AsyncIterator[AtWork]:
    """The dataset `d` in the lake `open`, and `e` in none."""
    async with at_work(database_url, tmp_path) as mesh:
        for dataset in ("d", "e"):
            await mesh.dataset(dataset)
        await lake(mesh, "open")
        await ingest(mesh, "open", "d")
        yield mesh


async def test_loads_a_lake_that_was_read_often_in_few_events(mesh: AtWork) -> None:
    commands = mesh.parts.commands
    before = await head(mesh)
    place = await standing(mesh)

    async def read() -> None:
        for _ in range(READS):
            await mesh.parts.mesh.access_audit.record(READING, [(place, Access(dataset="dataset:d", action="records"))])

    await asyncio.gather(*(read() for _ in range(READERS)))
    assert await head(mesh) == before + READERS * READS
    assert (await log(mesh, "open"))["totalCount"] == READERS * READS
    await commands._snapshots.drain()
    rows = await commands._streams.rows(LAKE, LAKES.shape)
    assert (rows[0]["type"], rows[-1]["version"]) == (None, 2 + READERS * READS)
    assert len(rows) <= 2 * EVERY + READERS
    kept = await commands.load(LAKES, LAKE)
    await mesh.pool.execute("delete from snapshots")
    assert await commands.load(LAKES, LAKE) == kept


async def test_a_lake_decides_while_it_is_read(mesh: AtWork) -> None:
    place = await standing(mesh)
    stop = asyncio.Event()

    async def read() -> int:
        done = 0
        while not stop.is_set():
            await mesh.parts.mesh.access_audit.record(READING, [(place, Access(dataset="dataset:d", action="records"))])
            done += 1
        return done

    readers = [asyncio.create_task(read()) for _ in range(8)]
    for _ in range(20):
        await ingest(mesh, "open", "e")
    stop.set()
    done = sum(await asyncio.gather(*readers))
    state = (await mesh.parts.commands.load(LAKES, LAKE)).state
    assert state is not None
    assert set(state.datasets) == {"dataset:d", "dataset:e"}
    assert (await log(mesh, "open"))["totalCount"] == done


async def test_rebuilds_the_log_of_accesses_row_for_row(mesh: AtWork) -> None:
    audit = mesh.parts.mesh.access_audit
    place = await standing(mesh)
    outside = (await audit.places(["dataset:e"]))["dataset:e"]
    await audit.record(READING, [(place, Access(dataset="dataset:d", action=action)) for action in Action])
    await audit.reveal(READING, outside)
    live = await stored(mesh.pool)
    assert len(live["access_record"]) == len(Action) + 1
    connection = await mesh.pool.acquire()
    try:
        await rebuild(connection, CODEC, PROJECTIONS, TABLES)
    finally:
        await mesh.pool.release(connection)
    assert await stored(mesh.pool) == live


async def standing(mesh: AtWork) -> Place:
    """Where `d` stands."""
    return (await mesh.parts.mesh.access_audit.places(["dataset:d"]))["dataset:d"]


async def stored(pool: asyncpg.Pool) -> dict[str, list[asyncpg.Record]]:
    """The rows of the tables that accesses change."""
    return {
        table: await pool.fetch(f"select * from {table} order by id, valid_from")  # names of ours
        for table in ("access_record", "dataset", "lake")
    }

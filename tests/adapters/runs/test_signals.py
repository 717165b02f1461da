"""The listening connection: what it tells, and that it comes back."""

import asyncio
import uuid

import asyncpg

from server.adapters.runs import RunSignals
from server.kernel.ids import Urn

LISTENERS = "select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen%' and datname = $1"
LOCKS = "select count(*) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())"  # noqa: E501


async def test_a_change_wakes_who_watches_that_run_and_nobody_else(signals: RunSignals, pool: asyncpg.Pool) -> None:
    with (
        signals.watch(Urn("run:1")) as first,
        signals.watch(Urn("run:1")) as same,
        signals.watch(Urn("run:2")) as other,
    ):
        await pool.execute("select pg_notify('runs', 'run:1')")
        async with asyncio.timeout(30):
            await asyncio.gather(first.wait(), same.wait())
        assert not other.is_set()


async def test_a_lost_connection_is_made_anew_and_everybody_looks_again(
    signals: RunSignals, pool: asyncpg.Pool
) -> None:
    heard: asyncio.Queue[Urn | None] = asyncio.Queue()
    name = await pool.fetchval("select current_database()")
    with signals.heed(heard.put_nowait), signals.watch(Urn("run:1")) as changed:
        async with asyncio.timeout(30):
            assert signals.listening
            assert len(await pool.fetch(LISTENERS, name)) == 1
            assert await heard.get() is None  # it is lost: whoever waits looks by itself
            assert not signals.listening
            await changed.wait()
            changed.clear()
            assert await heard.get() is None  # it is back: something may have been missed
            assert signals.listening
            await changed.wait()
            changed.clear()
            await pool.execute("select pg_notify('runs', 'run:1')")
            await changed.wait()
        assert await heard.get() == "run:1"


async def test_what_is_held_is_held_again_after_a_lost_connection(signals: RunSignals, pool: asyncpg.Pool) -> None:
    worker = uuid.uuid4()
    heard: asyncio.Queue[Urn | None] = asyncio.Queue()
    await signals.hold(worker)
    assert await pool.fetchval(LOCKS) == 1
    with signals.heed(heard.put_nowait):
        killed = await pool.fetch(
            "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'"
            " and database = (select oid from pg_database where datname = current_database())"
        )
        assert len(killed) == 1
        async with asyncio.timeout(30):
            assert [await heard.get() for _ in range(2)] == [None, None]  # lost, and back
    assert await pool.fetchval(LOCKS) == 1
    await signals.let_go(worker)
    assert await pool.fetchval(LOCKS) == 0


async def test_stopping_lets_go_of_everything(database_url: str, pool: asyncpg.Pool) -> None:
    async with RunSignals(database_url) as signals:
        await signals.hold(uuid.uuid4())
    async with asyncio.timeout(30):  # Postgres ends the session a moment after the client has left
        while await pool.fetchval(LOCKS):
            await asyncio.sleep(0)

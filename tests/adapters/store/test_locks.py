"""The lock on a dataset's keys: one holder, and nobody starves who waits or works."""

import asyncio

import asyncpg
import pytest

from server.adapters.postgres.connections import open_pool
from server.adapters.store.locks import dataset_keys_locked
from server.kernel.ids import Urn

ORDERS, PEOPLE = Urn("dataset:orders"), Urn("dataset:people")


@pytest.fixture
async def pool(database_url: str):
    """A small pool."""
    pool = await open_pool(database_url, size=4)
    yield pool
    await pool.close()


async def test_one_at_a_time_has_the_keys_of_a_dataset_while_all_work_on_the_same_pool(pool: asyncpg.Pool) -> None:
    inside = most = 0

    async def work() -> None:
        nonlocal inside, most
        async with dataset_keys_locked(pool, ORDERS):
            inside += 1
            most = max(most, inside)
            await asyncio.gather(*(pool.fetchval("select 1") for _ in range(3)))
            inside -= 1

    await asyncio.gather(*(work() for _ in range(12)))
    assert most == 1


async def test_holders_of_many_datasets_leave_connections_to_each_other(pool: asyncpg.Pool) -> None:
    async def work(number: int) -> int:
        async with dataset_keys_locked(pool, Urn(f"dataset:d{number}")):
            return await pool.fetchval("select $1::int", number)

    assert await asyncio.gather(*(work(number) for number in range(12))) == list(range(12))


async def test_other_datasets_and_those_who_come_after_a_failure_do_not_wait(pool: asyncpg.Pool) -> None:
    with pytest.raises(ZeroDivisionError):
        async with dataset_keys_locked(pool, ORDERS):
            raise ZeroDivisionError
    async with dataset_keys_locked(pool, ORDERS), dataset_keys_locked(pool, PEOPLE):
        assert await pool.fetchval("select count(*) from pg_locks where locktype = 'advisory'") == 2
    assert await pool.fetchval("select count(*) from pg_locks where locktype = 'advisory'") == 0


async def test_whoever_is_cancelled_at_whatever_moment_leaves_no_lock(pool: asyncpg.Pool) -> None:
    async def work() -> None:
        async with dataset_keys_locked(pool, ORDERS):
            await pool.fetchval("select 1")

    for steps in range(60):
        working = asyncio.create_task(work())
        for _ in range(steps):
            await asyncio.sleep(0)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        async with asyncio.timeout(10):
            while await pool.fetchval("select count(*) from pg_locks where locktype = 'advisory'"):
                pass


async def test_a_session_that_ends_while_its_lock_is_given_back_takes_nothing_from_the_work(
    pool: asyncpg.Pool,
) -> None:
    async def cut() -> None:
        holder = "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'"
        assert await pool.fetchval(holder)

    async with dataset_keys_locked(pool, ORDERS):
        await cut()
    async with dataset_keys_locked(pool, ORDERS):
        assert await pool.fetchval("select count(*) from pg_locks where locktype = 'advisory'") == 1


async def test_two_processes_share_the_lock(pool: asyncpg.Pool, database_url: str) -> None:
    other = await open_pool(database_url, size=4)
    order: list[str] = []

    async def second() -> None:
        async with dataset_keys_locked(other, ORDERS):
            order.append("second")

    async with dataset_keys_locked(pool, ORDERS):
        waiting = asyncio.create_task(second())
        assert (
            await other.fetchval("select pg_try_advisory_lock(hashtextextended($1, 0))", f"keys of {ORDERS}") is False
        )
        order.append("first")
    await waiting
    await other.close()
    assert order == ["first", "second"]

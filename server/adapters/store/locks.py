"""Locks that all processes of one database share: for each dataset one writer of keys, one of the Delta log."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import asyncpg

from server.kernel.ids import Urn

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.01, 0.25
LEFT_FOR_OTHERS = 2  # connections of a pool that locks never take: who holds one works on another

TRY = "select pg_try_advisory_lock(hashtextextended($1, 0))"
UNLOCK = "select pg_advisory_unlock(hashtextextended($1, 0))"


@asynccontextmanager
async def dataset_keys_locked(pool: asyncpg.Pool, dataset: Urn) -> AsyncGenerator[None]:
    """Be the only one who compares primary keys with those of the dataset and appends rows to it."""
    async with locked(pool, f"keys of {dataset}"):
        yield


@asynccontextmanager
async def delta_log_locked(pool: asyncpg.Pool, dataset: Urn) -> AsyncGenerator[None]:
    """Be the only one who writes the Delta log of the dataset."""
    async with locked(pool, f"delta log of {dataset}"):
        yield


@asynccontextmanager
async def locked(pool: asyncpg.Pool, name: str) -> AsyncGenerator[None]:
    """Hold the lock of this name. Who waits holds no connection, so that it cannot starve the one it waits for."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        async with pool.acquire() as connection:
            if _room(pool) and await connection.fetchval(TRY, name):
                try:
                    yield
                    return
                finally:
                    if not connection.is_closed():
                        await connection.fetchval(UNLOCK, name)
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _room(pool: asyncpg.Pool) -> bool:
    """Whether others still find a connection beside the one just taken."""
    taken = pool.get_size() - pool.get_idle_size()
    return bool(taken <= max(1, pool.get_max_size() - LEFT_FOR_OTHERS))

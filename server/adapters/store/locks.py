"""Locks that all processes of one database share, each for one thing that only one of them may do at a time."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from server.kernel.ids import Urn

logger = logging.getLogger(__name__)

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
async def batch_erasure_locked(pool: asyncpg.Pool, batch: Urn) -> AsyncGenerator[None]:
    """Be the only erasure that makes files of the batch, or takes away what nothing names of it."""
    async with locked(pool, f"erasure in {batch.lower()}"):
        yield


@asynccontextmanager
async def product_datasets_locked(pool: asyncpg.Pool, product: Urn) -> AsyncGenerator[None]:
    """Be the only one who registers datasets into the product or deletes it."""
    async with locked(pool, f"datasets of {product.lower()}"):
        yield


@asynccontextmanager
async def locked(pool: asyncpg.Pool, name: str) -> AsyncGenerator[None]:
    """Hold the lock of this name. Who waits holds no connection, so that it cannot starve the one it waits for."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        async with pool.acquire() as connection:
            if _room(pool) and await _taken(connection, name):
                try:
                    yield
                    return
                finally:
                    await _given_back(connection, name)
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


async def _taken(connection: PoolConnectionProxy, name: str) -> bool:
    """Whether the lock is this session's now. Who is cancelled cannot know: then the session ends, and the lock too."""
    try:
        return bool(await connection.fetchval(TRY, name))
    except BaseException:
        _end(connection)
        raise


async def _given_back(connection: PoolConnectionProxy, name: str) -> None:
    """Give the lock back. Where that fails the session ends, and the lock too: the work that it was for is done."""
    try:
        await connection.fetchval(UNLOCK, name)
    except Exception as error:
        logger.warning("a lock is given back by the end of its session (%s)", error)
        _end(connection)
    except BaseException:
        _end(connection)
        raise


def _end(connection: PoolConnectionProxy) -> None:
    with contextlib.suppress(asyncpg.InterfaceError):  # the pool has it back already: the session has ended
        connection.terminate()


def _room(pool: asyncpg.Pool) -> bool:
    """Whether others still find a connection beside the one just taken."""
    taken = pool.get_size() - pool.get_idle_size()
    return bool(taken <= max(1, pool.get_max_size() - LEFT_FOR_OTHERS))

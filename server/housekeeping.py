"""Housekeeping: what a running server removes from time to time because nobody can need it any more."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg

from server.adapters.storage.port import Storage
from server.assembly import clock

logger = logging.getLogger(__name__)

EVERY_SECONDS = 3600.0
STAGED_FOR = timedelta(days=1)  # longer than any run: what is older was left by a crash

# A generated key only resolves a commit of unknown outcome; a client may repeat its own for a month.
_PRUNE_COMMANDS = """
delete from commands
where (key like '~%' and at < now() - interval '1 day') or at < now() - interval '30 days'
"""
_PRUNE_QUEUE_LOG = "delete from pgqueuer_log where created < now() - interval '7 days'"


@asynccontextmanager
async def housekeeping(pool: asyncpg.Pool, storage: Storage) -> AsyncGenerator[None]:
    """Tidy now and every hour while the block runs."""
    task = asyncio.create_task(_repeat(pool, storage), name="housekeeping")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def tidy(pool: asyncpg.Pool, storage: Storage) -> None:
    """Remove answered keys, the queue's own log and staged files, each after its time."""
    await pool.execute(_PRUNE_COMMANDS)
    await pool.execute(_PRUNE_QUEUE_LOG)
    await asyncio.to_thread(storage.sweep_staging, clock() - STAGED_FOR)


async def _repeat(pool: asyncpg.Pool, storage: Storage) -> None:
    while True:
        try:
            await tidy(pool, storage)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            logger.warning("housekeeping waits for its next turn: %s", type(error).__name__)
        await asyncio.sleep(EVERY_SECONDS)

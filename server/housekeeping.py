"""Housekeeping: what a running server removes from time to time because nobody can need it any more."""

import asyncio
import logging
from contextlib import AbstractAsyncContextManager

import asyncpg

from server.adapters.beside import beside

logger = logging.getLogger(__name__)

EVERY_SECONDS = 3600.0

# A generated key only resolves a commit of unknown outcome; a client may repeat its own for a month.
_PRUNE_COMMANDS = """
delete from commands
where (key like '~%' and at < now() - interval '1 day') or at < now() - interval '30 days'
"""
# As long as the keys of commands: until then a client may repeat the key that started the run.
_PRUNE_RUNS = """
delete from process_run
where status in ('SUCCEEDED', 'FAILED') and finished_at < now() - interval '30 days'
"""
_PRUNE_QUEUE_LOG = "delete from pgqueuer_log where created < now() - interval '7 days'"


def housekeeping(pool: asyncpg.Pool) -> AbstractAsyncContextManager[None]:
    """Tidy now and every hour while the block runs."""
    return beside(_repeat(pool), "housekeeping")


async def tidy(pool: asyncpg.Pool) -> None:
    """Remove answered keys, ended runs and the queue's own log, each after its time."""
    await pool.execute(_PRUNE_COMMANDS)
    await pool.execute(_PRUNE_RUNS)
    await pool.execute(_PRUNE_QUEUE_LOG)


async def _repeat(pool: asyncpg.Pool) -> None:
    while True:
        try:
            await tidy(pool)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            logger.warning("housekeeping waits for its next turn: %s", type(error).__name__)
        await asyncio.sleep(EVERY_SECONDS)

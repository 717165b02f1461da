"""The schedule: a worker does every job now and again, and none of them so often that it would do nothing else."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from server.adapters.runs.signals import DATABASE_AWAY
from server.jobs import NAMES, Jobs

logger = logging.getLogger(__name__)

REST = 20.0  # times as long as it took does a job rest at least


@asynccontextmanager
async def schedule(jobs: Jobs, every_seconds: float) -> AsyncGenerator[None]:
    """Do each job at once and then every so often while the block runs."""
    tasks = [asyncio.create_task(_repeat(jobs, name, every_seconds), name=f"job-{name}") for name in NAMES]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _repeat(jobs: Jobs, name: str, every_seconds: float) -> None:
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        await look(jobs, name)
        await asyncio.sleep(max(every_seconds, REST * (loop.time() - began)))


async def look(jobs: Jobs, name: str) -> None:
    """Do a job once. Whatever stops it is logged: its next turn tries again."""
    try:
        await jobs.do(name)
    except DATABASE_AWAY as error:
        logger.warning("job %s waits for its next turn: %s", name, type(error).__name__)
    except Exception:
        logger.exception("job %s failed; its next turn tries again", name)

"""A running process looks every second whether a checkpoint is due, and writes one when it stops."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from server.adapters.beside import beside
from server.adapters.checkpoints.statement import Checkpoint
from server.adapters.checkpoints.writer import Checkpoints
from server.adapters.runs.signals import DATABASE_AWAY
from server.kernel.errors import Refused

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
REST_SECONDS = 60.0  # after a refusal: it stays until somebody acts


@asynccontextmanager
async def checkpointing(checkpoints: Checkpoints) -> AsyncGenerator[None]:
    """Write checkpoints while the block runs and one at its end."""
    try:
        async with beside(_repeat(checkpoints), "checkpoints"):
            yield
    finally:
        await _tried(checkpoints.write)


async def _repeat(checkpoints: Checkpoints) -> None:
    well = await _tried(checkpoints.write)  # due or not: a log that was put back to a backup is told of at once
    while True:
        await asyncio.sleep(LOOK_SECONDS if well else REST_SECONDS)
        well = await _tried(checkpoints.write_if_due)


async def _tried(write: Callable[[], Awaitable[Checkpoint | None]]) -> bool:
    """Whether it went well. Whatever stops it is logged: the log goes on, its new end is unproven until a later try."""
    try:
        await write()
    except DATABASE_AWAY as error:
        logger.warning("checkpoints wait until Postgres is back: %s", type(error).__name__)
    except Refused as refused:
        logger.critical("no checkpoint is written: %s", refused)
        return False
    except Exception:
        logger.exception("a checkpoint failed; the next look tries again")
        return False
    return True

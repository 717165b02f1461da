"""Watching arrivals: a worker looks once a second for batches in which an erased subject may come back."""

import asyncio
import logging
from contextlib import AbstractAsyncContextManager

from server.adapters.beside import beside
from server.mesh.erasure.reappearance import Reappearances

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
RETRY_SECONDS = 5.0  # after a failure, such as Postgres away


def watching(reappearances: Reappearances) -> AbstractAsyncContextManager[None]:
    """Look while the block runs."""
    return beside(_watch(reappearances), "subjects-come-back")


async def _watch(reappearances: Reappearances) -> None:
    while True:
        try:
            await reappearances.look()
        except Exception as error:  # what was not looked through is looked through next time
            logger.warning("arrivals are not looked through (%s); tried again", type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)
        else:
            await asyncio.sleep(LOOK_SECONDS)

"""Doing work again on a batch that got other files meanwhile: an erasure waits for nobody."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import duckdb

from server.adapters.postgres.away import PostgresAway
from server.adapters.store.commands import Commands
from server.kernel.errors import Refused
from server.kernel.ids import Urn
from server.mesh.batch.commands import FilesMade
from server.mesh.batch.domain import files_made
from server.mesh.batch.stream import BATCHES

T = TypeVar("T")

TRIES = 5


async def on_current_files(commands: Commands, batch: Urn, work: Callable[[], Awaitable[T]]) -> T:
    """What `work` comes to; where it fails and the batch's files are others by then, it is done again.

    Raises: what `work` raises.
    """
    for number in range(TRIES):
        before = await _files(commands, batch)
        try:
            return await work()
        except PostgresAway:
            raise
        except (Refused, duckdb.IOException, FileNotFoundError):
            if number == TRIES - 1 or await _files(commands, batch) == before:
                raise
    raise AssertionError("the last try ends it")


async def _files(commands: Commands, batch: Urn) -> FilesMade | None:
    state = (await commands.load(BATCHES, batch)).state
    return None if state is None else files_made(state)

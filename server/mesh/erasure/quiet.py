"""Waiting for quiet: until the runs that are at work on a dataset have let go of the files that they began with."""

import uuid
from typing import TypeAlias

import asyncpg

from server.adapters.runs import RunBoard
from server.kernel.ids import Kind, Urn, urn

SILENT_SECONDS = 60.0  # a worker that says nothing for so long is dead, and its run begins anew if at all
LOOK_SECONDS = 1.0

_AT_WORK = """
select run.id, run.attempt_of_run from process_run run join pgqueuer job on job.id = run.job_id
 where run.dataset = $1 and run.status = 'RUNNING' and job.heartbeat > now() - make_interval(secs => $2)"""

Attempted: TypeAlias = frozenset[tuple[uuid.UUID, int]]  # runs with the number of their attempt


class Quiet:
    """Knows who is at work."""

    def __init__(self, pool: asyncpg.Pool, board: RunBoard) -> None:
        self._pool = pool
        self._board = board

    async def come(self, dataset: Urn) -> None:
        """Wait until every run that is at work on the dataset now has ended or begun anew; later ones may be at it.

        Runs that wait for a worker are not waited for: they read what stands when they begin.
        """
        busy = await self._at_work(dataset)
        while busy:
            run, _ = next(iter(busy))
            await self._board.wait(urn(Kind.RUN, str(run)), LOOK_SECONDS)
            busy &= await self._at_work(dataset)

    async def _at_work(self, dataset: Urn) -> Attempted:
        rows = await self._pool.fetch(_AT_WORK, dataset, SILENT_SECONDS)
        return frozenset((row["id"], row["attempt_of_run"]) for row in rows)

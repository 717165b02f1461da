"""Jobs: what is looked for from time to time as of an instant, by the schedule or by `lakemesh jobs`."""

import math
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import asyncpg

from server.adapters.runs import ProcessKind, Run, RunBoard, RunStatus
from server.adapters.store.locks import locked
from server.assembly.assembled import Assembly
from server.kernel.ids import Urn
from server.kernel.record import record
from server.mesh.batch.payloads import CompactPayload, dump


@record
class Done:
    """What a job did, in words, and the runs that it left to the workers."""

    told: str
    runs: tuple[Urn, ...] = ()


NAMES = {
    "deadlines": "tell of erasure requests whose deadline is near or over, and start those that are due",
    "expire": "let go of batches whose contract keeps them no longer",
    "sweep": "remove files that nothing names, after their grace time",
    "compact": "join the small files of each dataset for reading",
}


class Jobs:
    """Does jobs, each in one process at a time."""

    def __init__(self, pool: asyncpg.Pool, parts: Assembly) -> None:
        self._pool = pool
        self._parts = parts
        self._jobs: dict[str, Callable[[datetime], Awaitable[Done]]] = {
            "deadlines": self._deadlines,
            "expire": self._expire,
            "sweep": self._sweep,
            "compact": self._compact,
        }

    async def do(self, name: str, at: datetime | None = None) -> Done:
        """Look once, as of `at` or of now by Postgres's clock. Waits where another process is at the same job."""
        async with locked(self._pool, f"job {name}"):
            instant: datetime = at or await self._pool.fetchval("select clock_timestamp()")
            return await self._jobs[name](instant)

    async def ended(self, runs: Sequence[Urn]) -> list[Run]:
        """The runs once they have ended, whoever does them."""
        return [await self._board.wait(run, math.inf) for run in runs]

    @property
    def _board(self) -> RunBoard:
        return self._parts.board

    async def _deadlines(self, at: datetime) -> Done:
        looked = await self._parts.deadlines.look(at)
        return Done(told=f"deadlines told of: {looked.told}; keys destroyed: {looked.keys}", runs=looked.runs)

    async def _expire(self, at: datetime) -> Done:
        runs = await self._parts.expiry.start(at)
        return Done(told=f"batches due: {len(runs)}", runs=runs)

    async def _sweep(self, at: datetime) -> Done:
        swept = await self._parts.sweeper.sweep(at)
        return Done(
            told=f"objects removed: {swept.removed} ({swept.size_bytes} bytes);"
            f" unfinished files removed: {swept.staged}; objects of unknown names, left alone: {swept.unknown}"
        )

    async def _compact(self, _: datetime) -> Done:
        parts = self._parts
        runs: list[Urn] = []
        for dataset in await parts.compaction.due():
            payload = dump(CompactPayload(dataset=dataset))
            runs.append(await parts.own_runs.start(ProcessKind.COMPACT, dataset, None, payload))
        await parts.compaction.sweep()
        return Done(told=f"datasets to compact: {len(runs)}", runs=tuple(runs))


def outcomes(runs: Sequence[Run]) -> list[str]:
    """How runs ended, a line for each kind of end and one for each failure."""
    failed = [run for run in runs if run.status is RunStatus.FAILED]
    lines = [f"runs done: {len(runs) - len(failed)} of {len(runs)}"]
    return lines + [f"{run.id} on {run.batch_id or run.dataset} failed: {run.error}" for run in failed]

"""Workers that die by SIGKILL at a chosen step of what they do: run as a process, it forks one for each line it reads.

The steps are calls of the product's own methods, each counted just before it begins; the last is the end of a run.
The product knows nothing of this.
"""

import asyncio
import faulthandler
import functools
import inspect
import itertools
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Self

import server.assembly.work
from server.adapters.delta.log import DeltaLog
from server.adapters.runs import RunWorker
from server.adapters.runs.claims import Claims
from server.adapters.storage.local import LocalStorage
from server.adapters.store.commands import Commands
from server.adapters.subject_keys import SubjectKeys
from server.assembly.assembled import Assembly, assemble
from server.database import Database, open_database
from server.mesh.erasure.objects import ErasedObjects
from server.mesh.rows.compact_files import CompactFiles, Thresholds
from server.mesh.rows.compaction import Compaction
from server.settings import Settings

STEPS = (
    (LocalStorage, "commit"),
    (LocalStorage, "delete"),
    (Commands, "perform"),
    (CompactFiles, "replace"),
    (CompactFiles, "retire_with"),
    (CompactFiles, "remove"),
    (DeltaLog, "drop"),
    (SubjectKeys, "destroy"),
    (ErasedObjects, "forget"),
    (Claims, "settle"),
)
PATIENCE = 20  # seconds that a worker may live
SMALL = Thresholds(enough=2, rows=1000, size_bytes=1 << 20, generation_files=8)


class Nursery:
    """The process that forks the workers, as the tests see it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = {"data_dir": str(settings.data_dir), "database_url": settings.database_url}
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.system.dying", stdin=-1, stdout=-1
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        async with asyncio.timeout(2 * PATIENCE):
            await self._process.wait()

    async def steps(self, task: str) -> int:
        """Let a worker live until it has done one run, or one look at the Delta logs; how many steps that took."""
        answer = await self._ask(task, 0)
        assert answer["signal"] == 0, answer
        return int(answer["steps"])

    async def die(self, task: str, step: int) -> None:
        """Let a worker die just before this step, the first being 1."""
        answer = await self._ask(task, step)
        assert answer["signal"] == signal.SIGKILL, (task, step, answer)

    async def _ask(self, task: str, step: int) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = json.dumps(self._settings | {"task": task, "step": step})
        self._process.stdin.write(f"{line}\n".encode())
        async with asyncio.timeout(2 * PATIENCE):
            answer: dict[str, Any] = json.loads(await self._process.stdout.readline())
        return answer


@asynccontextmanager
async def working(
    settings: Settings, *, heartbeat: float, at_once: int = 4
) -> AsyncIterator[tuple[Database, Assembly]]:
    """A worker that compacts early and takes over dead workers' runs after a tenth of `heartbeat` seconds."""
    async with opened(settings) as (database, parts):
        worker = RunWorker(
            database.pool,
            parts.signals,
            parts.handlers,
            recorded=parts.recorded,
            heartbeat_timeout=heartbeat,
            max_concurrent=at_once,
        )
        async with worker:
            yield database, parts


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[tuple[Database, Assembly]]:
    """A mesh that compacts early, without a worker."""
    server.assembly.work.Compaction = functools.partial(Compaction, above=SMALL)
    try:
        async with open_database(settings) as database, assemble(settings, database) as parts:
            yield database, parts
    finally:
        server.assembly.work.Compaction = Compaction


async def _live(settings: Settings, task: str, ended: Callable[[], None]) -> None:
    if task == "rebuild":
        async with opened(settings) as (_, parts):
            await parts.delta.rebuild()
            ended()
    if task == "delta":
        async with opened(settings) as (_, parts):
            for dataset in await parts.delta.published():
                await parts.delta.bring(dataset)
            ended()
    async with working(settings, heartbeat=6000.0, at_once=1):  # it leaves the runs of the dead alone
        await asyncio.Event().wait()


def _count(steps: itertools.count, last: int) -> None:
    """Die at the chosen step."""
    if next(steps) == last:
        os.kill(os.getpid(), signal.SIGKILL)


def _watch(steps: itertools.count, last: int, ended: Callable[[], None]) -> None:
    for owner, name in STEPS:
        original = getattr(owner, name)
        if inspect.iscoroutinefunction(original):
            setattr(owner, name, _awaited(original, steps, last, ended if name == "settle" else None))
        else:
            setattr(owner, name, _called(original, steps, last))


def _called(original: Any, steps: Any, last: int) -> Any:
    @functools.wraps(original)
    def call(*given: Any, **named: Any) -> Any:
        _count(steps, last)
        return original(*given, **named)

    return call


def _awaited(original: Any, steps: Any, last: int, after: Callable[[], None] | None) -> Any:
    @functools.wraps(original)
    async def call(*given: Any, **named: Any) -> Any:
        _count(steps, last)
        answer = await original(*given, **named)
        if after is not None:
            _count(steps, last)
            after()
        return answer

    return call


def _child(order: dict[str, Any], report: int) -> None:
    steps = itertools.count(1)

    def ended() -> None:
        os.write(report, str(next(steps) - 1).encode())
        os._exit(0)

    signal.alarm(PATIENCE)
    faulthandler.dump_traceback_later(PATIENCE - 5)
    _watch(steps, order["step"], ended)
    settings = Settings(data_dir=order["data_dir"], database_url=order["database_url"])
    asyncio.run(_live(settings, order["task"], ended))


def main() -> None:
    """Fork a worker for each order on standard input and tell how it ended."""
    for line in sys.stdin:
        order = json.loads(line)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            _child(order, write)
        os.close(write)
        _, status = os.waitpid(child, 0)
        with os.fdopen(read) as report:
            steps = report.read()
        answer = {"signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status), "steps": steps}
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

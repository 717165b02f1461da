"""One process beside the server for work that would hold it up: bounded in time, memory and number, ended when idle."""

import asyncio
import importlib
import sys
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import SpawnContext, SpawnProcess
from types import ModuleType
from typing import Any, TypeVar

from server.adapters.side_process.inside import bounded, prepare
from server.kernel.errors import LimitExceeded, TimedOut, Unavailable

T = TypeVar("T")

IDLE_SECONDS = 60.0  # a start costs some 0.1 s and what the work imports; an idle process costs its memory
MEMORY_BYTES = 2 << 30  # of data
MOST_WAITING = 32  # calls under way and in line
LOOK_SECONDS = 0.5  # between looks whether the pool still works: it forgets a call that came just as it broke


class ProcessEnded(Unavailable):
    """The process died of a call: of its memory, its stack, or by somebody's hand."""


class SideProcess:
    """Runs functions of importable modules in one other process, one after another. Belongs to one event loop.

    The process starts at the first call, and anew after a call that had to be ended.
    """

    def __init__(
        self, *, idle_seconds: float = IDLE_SECONDS, memory_bytes: int = MEMORY_BYTES, most_waiting: int = MOST_WAITING
    ) -> None:
        self._idle_seconds = idle_seconds
        self._memory_bytes = memory_bytes
        self._most_waiting = most_waiting
        self._pool: Any = None  # a ProcessPool of pebble, which is imported when it is needed
        self._turn = asyncio.Lock()  # calls wait here and not in the pool, which may die of the one before them
        self._waiting = 0
        self._stopped = False
        self._idle: asyncio.TimerHandle | None = None
        self._endings: set[asyncio.Task[None]] = set()

    async def run(self, work: Callable[..., T], *arguments: object, seconds: float) -> T:
        """What `work` answers or raises. `seconds`: how long it may take once it is its turn.

        Raises: TimedOut, LimitExceeded for its memory, Unavailable when the line is full or the process died.
        """
        if self._waiting >= self._most_waiting:
            raise Unavailable(f"{self._waiting} calls wait for the side process already; try again in a moment")
        self._waiting += 1
        self._stay()
        try:
            async with self._turn:
                return await self._answer(work, arguments, seconds)
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._idle = asyncio.get_running_loop().call_later(self._idle_seconds, self._rest)

    async def stop(self) -> None:
        """End the process, and what it still does; for good."""
        self._stopped = True
        self._stay()
        self._rest()
        async with self._turn:  # once nobody uses it or starts another one
            pass
        if self._endings:
            await asyncio.wait(self._endings)

    async def _answer(self, work: Callable[..., T], arguments: tuple[object, ...], seconds: float) -> T:
        pool = await self._started()
        try:
            return await _done(pool, _scheduled(pool, seconds, work, arguments))
        except TimeoutError:
            raise TimedOut(f"this took longer than the {seconds:g} seconds that it may take") from None
        except MemoryError:
            raise LimitExceeded(
                f"this needs more memory than the {self._memory_bytes >> 20} MiB that it may take"
            ) from None
        except (_pebble().ProcessExpired, BrokenProcessPool):
            self._discard(pool)  # its channel may be locked by the dead
            raise ProcessEnded("the process that did this ended before it was done; try again") from None

    async def _started(self) -> Any:  # a ProcessPool
        if self._pool is not None and not self._pool.active:  # the process died while it was idle
            self._discard(self._pool)
        if self._pool is None and not self._stopped:
            self._pool = await asyncio.to_thread(_start, self._memory_bytes)
        if self._stopped:  # perhaps while the process started
            self._rest()
            raise ProcessEnded("the server is stopping; try again")
        return self._pool

    def _stay(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _rest(self) -> None:
        if self._pool is not None:
            self._discard(self._pool)

    def _discard(self, pool: Any) -> None:
        if self._pool is pool:
            self._pool = None
        ending = asyncio.create_task(asyncio.to_thread(_end, pool))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)


def _scheduled(pool: Any, seconds: float, work: Callable[..., T], arguments: tuple[object, ...]) -> "Future[T]":
    """The call in the pool. Raises: BrokenProcessPool, also for one that broke since it was looked at."""
    try:
        scheduled: Future[T] = pool.schedule(bounded, args=(seconds, work, *arguments), timeout=seconds)
    except RuntimeError as error:
        raise BrokenProcessPool from error
    return scheduled


async def _done(pool: Any, scheduled: "Future[T]") -> T:
    """What was scheduled answers; it is ended when its waiter goes. Raises: BrokenProcessPool."""
    waiting = asyncio.wrap_future(scheduled)
    try:
        while not (await asyncio.wait({waiting}, timeout=LOOK_SECONDS))[0]:
            if not pool.active and not waiting.done():
                raise BrokenProcessPool
        return waiting.result()
    finally:
        waiting.cancel()


class _Process(SpawnProcess):
    """A process that does not run the program's own script again: all that it needs is what the work imports."""

    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802  # the name that it has in multiprocessing
        script = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            return SpawnProcess._Popen(process_obj)
        finally:
            sys.modules["__main__"] = script


class _Spawn(SpawnContext):
    Process = _Process


def _pebble() -> Any:  # the module: imported for the first work, not with the server
    return importlib.import_module("pebble")


def _start(memory_bytes: int) -> Any:
    pool = _pebble().ProcessPool(max_workers=1, initializer=prepare, initargs=[memory_bytes], context=_Spawn())
    assert pool.active, "asking starts it"
    return pool


def _end(pool: Any) -> None:
    pool.stop()
    pool.join()

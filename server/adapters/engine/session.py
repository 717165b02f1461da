"""The DuckDB session: one sandboxed instance for each process, its cursors lent out to bounded lanes of threads."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import duckdb

from server.adapters.engine.flow import Flow, FlowCall
from server.adapters.engine.lanes import INTERRUPT_AGAIN_SECONDS, Call, Lane
from server.adapters.engine.steps import Steps
from server.kernel.errors import Unavailable

T = TypeVar("T")

HEAVY_WAITING = 64
READS_WAITING = 256
STREAMS_AT_ONCE = 3  # each holds what it has unpacked while its client reads: 90 MB where rows are wide
STREAMS_WAITING = 61
PLACE_SECONDS = 30.0  # how long a stream waits for its place in the lane
LOOK_SECONDS = 0.25  # how often work that is watched is looked at


class Engine:
    """DuckDB for this process. It reads and writes inside `directories` only, and its clock is UTC.

    Statements name files by absolute paths that start as `directories` do, symbolic links followed or not.
    `memory_limit` is text such as `512MB`; DuckDB may pass it by about a tenth. `heavy` calls run at once.
    """

    def __init__(
        self, directories: Sequence[Path], memory_limit: str, threads: int, temp_directory: Path, *, heavy: int = 2
    ) -> None:
        self._instance = sandbox(directories, memory_limit, threads, temp_directory)
        self._heavy = Lane("heavy", at_once=heavy, waiting=HEAVY_WAITING)
        self._reads = Lane("reads", at_once=2 * (os.cpu_count() or 1), waiting=READS_WAITING)
        self._streams = Lane("streams", at_once=STREAMS_AT_ONCE, waiting=STREAMS_WAITING)

    async def run(
        self, work: Callable[[duckdb.DuckDBPyConnection], T], *, heavy: bool, steps: Steps | None = None
    ) -> T:
        """What `work` answers, called in a thread with a cursor of its own; `steps` hear how far it is.

        Cancelling interrupts the cursor and returns only when the thread has let go of it, so that
        the caller may remove the files that `work` wrote. Raises: Unavailable, when too many calls wait already.
        """
        call = Call(self._instance, work, watched=steps is not None)
        future = (self._heavy if heavy else self._reads).submit(call)
        waiter = asyncio.wrap_future(future)
        try:
            if steps is not None:
                await _watch(call, waiter, steps)
            return await asyncio.shield(waiter)
        except asyncio.CancelledError:
            if waiter.cancelled():
                raise _stopped() from None
            await _stop(call, future, waiter)
            raise

    async def stream(self, produce: Callable[[duckdb.DuckDBPyConnection], Iterator[bytes]]) -> AsyncGenerator[bytes]:
        """The pieces that `produce` makes in a thread, a few ahead of whoever takes them and no more.

        Closing the generator interrupts it. Streams have a lane of their own: slow clients hold up no short read.
        Raises: Unavailable, when too many streams wait already or no place comes free in time.
        """
        flow = Flow(asyncio.get_running_loop())
        call = FlowCall(self._instance, produce, flow)
        future = self._streams.submit(call)
        future.add_done_callback(flow.ended)
        waiter = asyncio.wrap_future(future)
        waited: list[bool] = []  # whether it left the line by itself
        patience = asyncio.get_running_loop().call_later(PLACE_SECONDS, lambda: waited.append(future.cancel()))
        try:
            while (piece := await flow.take()) is not None:
                yield piece
            if future.cancelled():
                raise _no_place() if any(waited) else _stopped()
            await waiter
        finally:
            patience.cancel()
            await _stop(call, future, waiter)

    def close(self) -> None:
        """Interrupt what runs, refuse what waits, and let go of the instance."""
        self._heavy.close()
        self._reads.close()
        self._streams.close()
        self._instance.close()

    def __enter__(self) -> "Engine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


async def _watch(call: Call[T], waiter: "asyncio.Future[T]", steps: Steps) -> None:
    """Until the call has ended, in whatever way."""
    while not waiter.done():
        steps.look(call.percent)
        await asyncio.wait({waiter}, timeout=LOOK_SECONDS)


async def _stop(call: Call[T], future: Future[T], waiter: "asyncio.Future[T]") -> None:
    """Until the thread has let go of its cursor."""
    future.cancel()
    while not waiter.done():
        call.interrupt()
        await asyncio.wait({waiter}, timeout=INTERRUPT_AGAIN_SECONDS)
    if not waiter.cancelled():
        waiter.exception()  # looked at, else the loop reports it as forgotten


def _no_place() -> Unavailable:
    return Unavailable(
        f"{STREAMS_AT_ONCE} streams are being read and none has ended within {PLACE_SECONDS:g} s; try again later"
    )


def _stopped() -> Unavailable:
    return Unavailable("the engine stopped before this call; try again when the server is back")


def sandbox(
    directories: Sequence[Path], memory_limit: str, threads: int, temp_directory: Path
) -> duckdb.DuckDBPyConnection:
    instance = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": memory_limit,
            "threads": threads,
            "temp_directory": str(temp_directory),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    # DuckDB compares spellings: without the last slash, "lake" would also open its sibling "lake-old"
    allowed = [f"{path}/" for directory in directories for path in (directory.absolute(), directory.resolve())]
    instance.execute("set global timezone = 'UTC'")
    instance.execute("set global allowed_directories = $1", [allowed])
    instance.execute("set global enable_external_access = false")
    # what a cursor may still say of itself: that somebody wants to know how far its statement is
    instance.execute("set global allowed_configs = ['enable_progress_bar', 'enable_progress_bar_print']")
    instance.execute("set global lock_configuration = true")
    return instance

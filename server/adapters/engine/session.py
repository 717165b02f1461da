"""The DuckDB session: one sandboxed instance for each process, its cursors lent out to bounded lanes of threads."""

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import duckdb

from server.adapters.engine.lanes import INTERRUPT_AGAIN_SECONDS, Call, Lane
from server.kernel.errors import Unavailable

T = TypeVar("T")

HEAVY_WAITING = 64
READS_WAITING = 256


class Engine:
    """DuckDB for this process. It reads and writes inside `directories` only, and its clock is UTC.

    Statements name files by absolute paths that start as `directories` do, symbolic links followed or not.
    `memory_limit` is text such as `512MB`; DuckDB may pass it by about a tenth. `heavy` calls run at once.
    """

    def __init__(
        self, directories: Sequence[Path], memory_limit: str, threads: int, temp_directory: Path, *, heavy: int = 2
    ) -> None:
        self._instance = _sandbox(directories, memory_limit, threads, temp_directory)
        self._heavy = Lane("heavy", at_once=heavy, waiting=HEAVY_WAITING)
        self._reads = Lane("reads", at_once=2 * (os.cpu_count() or 1), waiting=READS_WAITING)

    async def run(self, work: Callable[[duckdb.DuckDBPyConnection], T], *, heavy: bool) -> T:
        """What `work` answers, called in a thread with a cursor of its own.

        Cancelling interrupts the cursor and returns only when the thread has let go of it, so that
        the caller may remove the files that `work` wrote. Raises: Unavailable, when too many calls wait already.
        """
        call = Call(self._instance, work)
        future = (self._heavy if heavy else self._reads).submit(call)
        waiter = asyncio.wrap_future(future)
        try:
            return await asyncio.shield(waiter)
        except asyncio.CancelledError:
            if waiter.cancelled():
                raise Unavailable("the engine stopped before this call; try again when the server is back") from None
            future.cancel()
            while not waiter.done():
                call.interrupt()
                await asyncio.wait({waiter}, timeout=INTERRUPT_AGAIN_SECONDS)
            if not waiter.cancelled():
                waiter.exception()  # looked at, else the loop reports it as forgotten
            raise

    def close(self) -> None:
        """Interrupt what runs, refuse what waits, and let go of the instance."""
        self._heavy.close()
        self._reads.close()
        self._instance.close()

    def __enter__(self) -> "Engine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _sandbox(
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
    instance.execute("set global lock_configuration = true")
    return instance

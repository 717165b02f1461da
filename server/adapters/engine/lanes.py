"""Lanes: how many calls of one kind run at once, how many may wait, and how each is stopped."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Generic, TypeVar

import duckdb

from server.adapters.engine.exhausted import refusing_when_exhausted
from server.kernel.errors import Unavailable

T = TypeVar("T")

INTERRUPT_AGAIN_SECONDS = 0.02  # an interrupt that falls between two statements is lost


class StatementFailed(duckdb.Error):
    """A fault, named by the engine's word for its kind alone: what else the engine says may quote values of rows."""


class Call(Generic[T]):
    """One piece of work, and the cursor that it has while it runs."""

    def __init__(
        self,
        instance: duckdb.DuckDBPyConnection,
        work: Callable[[duckdb.DuckDBPyConnection], T],
        *,
        watched: bool = False,
    ) -> None:
        self._instance = instance
        self._work = work
        self._watched = watched
        self._cursor: duckdb.DuckDBPyConnection | None = None
        self._lock = threading.Lock()

    def __call__(self) -> T:
        cursor = self._instance.cursor()
        if self._watched:  # a cursor counts only when it is asked to
            cursor.execute("set enable_progress_bar = true")
            cursor.execute("set enable_progress_bar_print = false")
        with self._lock:
            self._cursor = cursor
        try:
            with refusing_when_exhausted():
                return self._work(cursor)
        finally:
            with self._lock:
                self._cursor = None
            cursor.close()

    def percent(self) -> float:
        """How much of the statement under way is done, 0 to 100; below 0 where there is none or it cannot tell."""
        with self._lock:
            return -1.0 if self._cursor is None else self._cursor.query_progress()

    def interrupt(self) -> None:
        """Stop the statement that runs now; a call that is between statements goes on."""
        with self._lock:
            if self._cursor is not None:
                self._cursor.interrupt()


class Lane:
    """Threads for one kind of call. At most `at_once` run and `waiting` more stand in line."""

    def __init__(self, name: str, *, at_once: int, waiting: int) -> None:
        self._name = name
        self._room = at_once + waiting
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix=f"engine-{name}")
        self._under_way: dict[Future[Any], Callable[[], None]] = {}  # answers of every type
        self._lock = threading.Lock()
        self._closed = False

    def submit(self, call: Call[T]) -> Future[T]:
        """Put the call in line. Raises: Unavailable."""
        with self._lock:
            if self._closed:
                raise Unavailable("the engine is stopping; try again when the server is back")
            if len(self._under_way) >= self._room:
                raise Unavailable(
                    f"the engine has {self._room} calls in its lane for {self._name} already, which is all that it"
                    " takes; try again in a moment"
                )
            future = self._threads.submit(self._guarded, call)
            self._under_way[future] = call.interrupt
        future.add_done_callback(self._leave)
        return future

    def close(self) -> None:
        """Refuse new calls, drop those that wait, and interrupt until the last thread is free."""
        with self._lock:
            self._closed = True
            under_way = dict(self._under_way)
        self._threads.shutdown(wait=False, cancel_futures=True)
        while running := [future for future in under_way if not future.done()]:
            for future in running:
                under_way[future]()
            wait(running, timeout=INTERRUPT_AGAIN_SECONDS)
        self._threads.shutdown()

    def _guarded(self, call: Call[T]) -> T:
        try:
            return call()
        except duckdb.InterruptException:
            if self._closed:
                raise Unavailable("the engine stopped during this call; try again when the server is back") from None
            raise
        except (duckdb.DataError, duckdb.InvalidInputException) as error:
            raise StatementFailed(type(error).__name__).with_traceback(error.__traceback__) from None

    def _leave(self, future: Future[Any]) -> None:
        with self._lock:
            self._under_way.pop(future, None)

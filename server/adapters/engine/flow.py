"""Flows: pieces handed from a thread of the engine to the event loop, a few ahead of their taker and no more."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import duckdb

from server.adapters.engine.lanes import Call

AHEAD = 2  # pieces that are ready while one is on its way


class Flow:
    """One stream's pieces. The thread waits where nobody takes them; after `close` it waits no more."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._room = threading.Semaphore(AHEAD)
        self._closed = False

    def put(self, piece: bytes) -> bool:
        """From the thread: hand a piece over once there is room; False where nobody wants more."""
        self._room.acquire()
        return not self._closed and self._tell(piece)

    def ended(self, _: Future[Any]) -> None:  # the future of a call, whatever it answers
        """From the thread: no piece follows."""
        self._tell(None)

    async def take(self) -> bytes | None:
        """In the loop: the next piece; None at the end."""
        piece = await self._pieces.get()
        self._room.release()
        return piece

    def close(self) -> None:
        """From anywhere: want no more."""
        self._closed = True
        self._room.release()

    def _tell(self, piece: bytes | None) -> bool:
        try:
            self._loop.call_soon_threadsafe(self._pieces.put_nowait, piece)
        except RuntimeError:  # the loop is closed, and whoever waited in it is gone
            return False
        return True


class FlowCall(Call[None]):
    """A call whose work feeds a flow. To interrupt it also frees the thread that waits for a taker."""

    def __init__(
        self,
        instance: duckdb.DuckDBPyConnection,
        produce: Callable[[duckdb.DuckDBPyConnection], Iterator[bytes]],
        flow: Flow,
    ) -> None:
        def feed(cursor: duckdb.DuckDBPyConnection) -> None:
            for piece in produce(cursor):
                if not flow.put(piece):
                    return

        super().__init__(instance, feed)
        self._flow = flow

    def interrupt(self) -> None:
        """Stop the statement that runs now, and want no more."""
        self._flow.close()
        super().interrupt()

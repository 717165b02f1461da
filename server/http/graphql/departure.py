"""Clients that go before their answer comes: long reads for them stop."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from starlette.requests import HTTPConnection, Request

from server.kernel.errors import TimedOut

T = TypeVar("T")


class Departure:
    """Watches the connection of one operation whose body is read already.

    On a socket the operation itself is cancelled: there is nothing to watch.
    """

    def __init__(self, connection: HTTPConnection | None = None) -> None:
        self._request = connection if isinstance(connection, Request) else None

    async def unless_gone(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` answers. Raises: TimedOut, heard by nobody, once the client is gone and `work` has stopped."""
        if self._request is None:
            return await work
        working, leaving = asyncio.create_task(work), asyncio.create_task(_left(self._request))
        try:
            await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            raise TimedOut("the client went before the answer came")
        finally:
            leaving.cancel()
            working.cancel()
            with suppress(asyncio.CancelledError, Exception):  # told already, or wanted by nobody
                await working


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        continue

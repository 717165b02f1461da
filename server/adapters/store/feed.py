"""The live feed: one LISTEN connection and one tail for the process, any number of readers with a cursor each.

A reader behind the ring of recent events reads its past from SQL, then goes on in the ring: every matching event
once, in order, without a queue for each reader. While nobody reads, the tail rests.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

import asyncpg

from server.adapters.store.log import EventQuery, Log, StoredEvent

logger = logging.getLogger(__name__)

RING = 4_096  # events kept in memory
PAGE = 500  # events in one query
POLL_SECONDS = 1.0  # a lost notification costs at most this


class LogHole(Exception):
    """The log skips a position: the database is not what this server wrote."""


class Feed:
    """The tail of the log in memory. `last` is the newest position seen."""

    def __init__(self, log: Log, connect: Callable[[], Awaitable[asyncpg.Connection]]) -> None:
        self._log = log
        self._connect = connect
        self._ring: list[StoredEvent | None] = [None] * RING
        self._wake = asyncio.Event()
        self._moved = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._fault: BaseException | None = None
        self._readers = 0
        self._wanted = asyncio.Event()
        self.first = 1
        self.last = 0

    async def start(self) -> None:
        """Stand at the head of the log and follow it."""
        self.last = await self._log.head()
        self.first = self.last + 1
        self._tasks = [
            asyncio.create_task(self._listen(), name="feed-listen"),
            asyncio.create_task(self._follow(), name="feed-tail"),
        ]

    async def stop(self) -> None:
        """End the tail and every reader."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._fault = self._fault or asyncio.CancelledError()
        self._advance()

    def wake(self) -> None:
        """Look now: something was committed."""
        self._wake.set()

    async def after(self, position: int, query: EventQuery) -> AsyncGenerator[StoredEvent]:
        """Each matching event after `position`, once and in order: first the past, then as they are recorded.

        It ends when the feed is stopped. Raises: LogHole, after the last event before the hole.
        """
        self._readers += 1
        self._wanted.set()
        try:
            async for event in self._behind(position, query):
                yield event
        finally:
            self._readers -= 1

    async def _behind(self, position: int, query: EventQuery) -> AsyncIterator[StoredEvent]:
        while True:
            if position + 1 < self.first:
                upto = min(self.first - 1, position + PAGE)
                for event in await self._log.matching(query, position, upto):
                    yield event
                position = upto
            elif position < self.last:
                position += 1
                recent = self._ring[position % RING]
                if recent is not None and query.matches(recent):
                    yield recent
            elif isinstance(self._fault, LogHole):
                raise self._fault
            elif self._fault is not None:
                return
            else:
                await self._moved.wait()

    async def _follow(self) -> None:
        """The only place that advances `last`."""
        while True:
            self._wake.clear()  # before the query, or a wake-up is lost
            try:
                if not self._readers:
                    await self._rest()
                page = await self._log.between(self.last + 1, self.last + PAGE)
            except Exception as error:  # whatever it is, the next try may succeed; without a tail all readers hang
                logger.warning("the feed cannot read the log (%s); it goes on when Postgres is back", error)
                await asyncio.sleep(POLL_SECONDS)
                continue
            for event in page:
                if event.position != self.last + 1:
                    self._fault = LogHole(f"position {self.last + 1} is missing from the log")
                    logger.critical("%s", self._fault)
                    self._advance()
                    return
                self._ring[event.position % RING] = event
                self.last = event.position
                self.first = max(self.first, self.last - RING + 1)
            if page:
                self._advance()
            if len(page) == PAGE:
                continue
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _rest(self) -> None:
        """Wait for a reader; if the log grew by more than the ring meanwhile, stand at its head."""
        self._wanted.clear()
        await self._wanted.wait()
        head = await self._log.head()
        if head > self.last + RING:
            self.last = head
            self.first = head + 1
            self._advance()

    def _advance(self) -> None:
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def _listen(self) -> None:
        while True:
            try:
                connection = await self._connect()
            except Exception:  # as above: the tail polls meanwhile
                await asyncio.sleep(POLL_SECONDS)
                continue
            try:
                await self._hold(connection)
            except Exception as error:  # as above
                logger.warning("the feed's connection was lost (%s); listening anew", error)
            finally:
                connection.terminate()

    async def _hold(self, connection: asyncpg.Connection) -> None:
        """Wake the tail at each notification until the connection ends."""
        closed = asyncio.Event()
        connection.add_termination_listener(lambda *_: closed.set())
        await connection.add_listener("events", self._notified)
        self.wake()
        await closed.wait()

    def _notified(self, _connection: object, _pid: int, _channel: str, head: object) -> None:
        """Look, unless the tail has been there already: what this process wrote it has mostly read."""
        if not str(head).isdigit() or int(str(head)) > self.last:
            self.wake()

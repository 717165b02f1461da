"""The group-commit writer: one task and one connection that append for the whole process.

It takes all that waits, appends it in one transaction together with the read tables' rows, and answers every caller
after the commit. What fails is isolated by halving the group, so one bad command never harms its neighbours.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import asyncpg

from server.adapters.postgres.away import PostgresAway
from server.adapters.store.append import (
    APPEND_SQL,
    Append,
    Encoded,
    Outcome,
    Result,
    columns,
    encode,
    recorded_events,
    result,
)
from server.adapters.store.intervals import IntervalWriter, Write
from server.kernel.codec import Codec
from server.kernel.errors import Refused, Unavailable
from server.kernel.recorded import Recorded

logger = logging.getLogger(__name__)

MAX_GROUP = 500
MAX_GROUP_BYTES = 4 * 1024 * 1024
MAX_WAITING = 10_000
_CUT = (asyncpg.PostgresConnectionError, asyncpg.InternalClientError, OSError)
_RETRIED = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)

# Names the read-model rows that an event changes.
Project: TypeAlias = Callable[[Recorded[Any]], Sequence[Write]]  # of whatever event it was registered for


@dataclass
class _Waiting:
    encoded: Encoded
    size: int
    answer: "asyncio.Future[Result]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Writer:
    """Appends for this process. `connect` opens its connection anew after a loss."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[asyncpg.Connection]],
        codec: Codec,
        projections: Mapping[type, Project],
        intervals: IntervalWriter,
        committed: Callable[[], None] = lambda: None,
    ) -> None:
        self._connect = connect
        self._codec = codec
        self._projections = projections
        self._intervals = intervals
        self._committed = committed
        self._queue: asyncio.Queue[_Waiting | None] = asyncio.Queue(MAX_WAITING)
        self._connection: asyncpg.Connection | None = None
        self._task: asyncio.Task[None] | None = None
        self._carried: _Waiting | None = None
        self._stopping = False

    async def start(self) -> None:
        """Connect and begin."""
        self._connection = await self._connect()
        self._task = asyncio.create_task(self._run(), name="event-writer")

    async def stop(self) -> None:
        """Write what waits, then stop. What is submitted from now on is refused."""
        self._stopping = True
        if self._task is not None:
            await self._queue.put(None)
            await self._task
            self._task = None
        if self._connection is not None:
            await self._connection.close()

    async def submit(self, append: Append) -> Result:
        """Append, and answer after the commit. A caller that goes away does not undo it.

        Raises: Unavailable when the queue is full; PostgresAway, then it may stand or not.
        """
        if self._stopping or self._task is None or self._task.done():
            raise Unavailable("the event store is stopped; try again when the server is back")
        encoded = encode(append, self._codec)
        waiting = _Waiting(encoded=encoded, size=encoded.size)
        try:
            self._queue.put_nowait(waiting)
        except asyncio.QueueFull:
            raise Unavailable(f"{MAX_WAITING} commands wait already; try again in a moment") from None
        return await waiting.answer  # cancelled with its caller; the writer goes on

    async def _run(self) -> None:
        while group := await self._next_group():
            await self._commit(group)

    async def _next_group(self) -> list[_Waiting]:
        first = self._carried or await self._queue.get()
        self._carried = None
        if first is None:
            return []
        group = [first]
        size = first.size
        while len(group) < MAX_GROUP and not self._queue.empty():
            following = self._queue.get_nowait()
            if following is None:
                self._queue.put_nowait(None)
                break
            if size + following.size > MAX_GROUP_BYTES:
                self._carried = following
                break
            group.append(following)
            size += following.size
        return group

    async def _commit(self, group: Sequence[_Waiting]) -> None:
        """Commit the group and answer each of it; halve it when it fails for a defect."""
        while True:
            try:
                results = await self._transaction(group)
                break
            except _RETRIED:
                continue
            except asyncpg.LockNotAvailableError:
                return refuse(group, PostgresAway("the event log is locked by a long task; try again in a moment"))
            except Exception as error:
                if self._lost(error):  # the outcome is unknown: the same keys again, those that stand answer duplicate
                    if not await self._reconnect():
                        return refuse(group, PostgresAway("Postgres is away; try again in a moment"))
                    continue
                if len(group) == 1:
                    logger.exception("an append of %s failed", group[0].encoded.types)
                    return refuse(group, error)
                middle = len(group) // 2
                await self._commit(group[:middle])
                await self._commit(group[middle:])
                return None
        self._committed()
        for waiting, answer in zip(group, results, strict=True):
            if not waiting.answer.done():
                waiting.answer.set_result(answer)
        return None

    async def _transaction(self, group: Sequence[_Waiting]) -> list[Result]:
        assert self._connection is not None, "start() connects"
        async with self._connection.transaction():
            rows = await self._connection.fetch(APPEND_SQL, *columns([waiting.encoded for waiting in group]))
            writes = [
                (recorded.position, write)
                for waiting, row in zip(group, rows, strict=True)
                if row["kind"] == Outcome.APPENDED
                for recorded in recorded_events(waiting.encoded.append, row)
                for write in self._projections[type(recorded.event)](recorded)
            ]
            await self._intervals.apply(self._connection, writes)
        return [result(row) for row in rows]

    def _lost(self, error: Exception) -> bool:
        assert self._connection is not None, "start() connects"
        return self._connection.is_closed() or isinstance(error, _CUT)

    async def _reconnect(self, tries: int = 30) -> bool:
        """Whether a connection is there again, after at most about half a minute of trying."""
        for number in range(tries):
            try:
                if self._connection is not None:
                    self._connection.terminate()
                self._connection = await self._connect()
            except Exception:  # whatever it is, the next try may succeed, and nobody else would try
                await asyncio.sleep(min(0.05 * 2**number, 1.0))
            else:
                return True
        return False


def refuse(group: Sequence[_Waiting], error: Exception | Refused) -> None:
    """Answer each of the group with the same error."""
    for waiting in group:
        if not waiting.answer.done():
            waiting.answer.set_exception(error)

"""The process's ear: one LISTEN connection that says which run changed, to whoever waits for it."""

import asyncio
import logging
import uuid
from collections import defaultdict
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Self

import asyncpg

from server.adapters.runs.queue import HOLD, LET_GO
from server.kernel.ids import Urn

logger = logging.getLogger(__name__)

CHANNEL = "runs"
NOTIFY = f"select pg_notify('{CHANNEL}', 'run:' || $1::uuid)"
RETRY_SECONDS = 0.5
# asyncpg may call a connection that was cut under a query an internal error of its own.
DATABASE_AWAY = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)


class RunSignals:
    """Woken by NOTIFY. A lost connection is made anew, and everybody is told to look again."""

    def __init__(self, dsn: str) -> None:
        """`dsn` leads to Postgres itself, not to a pooler that shares sessions."""
        self._dsn = dsn
        self._watching: defaultdict[Urn, set[asyncio.Event]] = defaultdict(set)
        self._heeding: set[Callable[[Urn | None], None]] = set()
        self._holds: set[uuid.UUID] = set()
        self._one_at_a_time = asyncio.Lock()
        self._connection: asyncpg.Connection | None = None
        self._gone = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen. Raises what asyncpg raises where Postgres cannot be reached."""
        await self._connect()
        self._keeper = asyncio.create_task(self._keep(), name="run-signals")

    async def stop(self) -> None:
        """Listen no more."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None
        if self._connection is not None:
            self._connection.remove_termination_listener(self._lost)
            await self._close(self._connection)
            self._connection = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def listening(self) -> bool:
        """Whether changes are told now; else whoever waits looks by itself."""
        return self._connection is not None and not self._gone.is_set()

    @contextmanager
    def watch(self, run: Urn) -> Generator[asyncio.Event]:
        """An event that is set whenever the run may have changed: clear it, look, wait."""
        changed = asyncio.Event()
        self._watching[run].add(changed)
        try:
            yield changed
        finally:
            self._watching[run].discard(changed)
            if not self._watching[run]:
                del self._watching[run]

    @contextmanager
    def heed(self, heard: Callable[[Urn | None], None]) -> Generator[None]:
        """`heard` gets every run that changes; None: any may have."""
        self._heeding.add(heard)
        try:
            yield
        finally:
            self._heeding.discard(heard)

    async def hold(self, worker: uuid.UUID) -> None:
        """Show that a worker lives, for as long as this process's session does."""
        self._holds.add(worker)
        await self._tell(HOLD, worker)

    async def let_go(self, worker: uuid.UUID) -> None:
        """The worker has ended."""
        self._holds.discard(worker)
        await self._tell(LET_GO, worker)

    async def _tell(self, statement: str, worker: uuid.UUID) -> None:
        async with self._one_at_a_time:
            if self._connection is None or self._connection.is_closed():
                return  # what is held is said again on the next connection
            try:
                await self._connection.execute(statement, str(worker))
            except DATABASE_AWAY as error:
                logger.warning("the session of the run worker is away (%s)", error)

    async def _connect(self) -> None:
        connection = await asyncpg.connect(self._dsn)
        try:
            self._gone.clear()
            connection.add_termination_listener(self._lost)
            await connection.add_listener(CHANNEL, self._heard)
            async with self._one_at_a_time:
                for worker in self._holds:
                    await connection.execute(HOLD, str(worker))
                self._connection = connection
        except BaseException:
            connection.terminate()
            raise

    async def _keep(self) -> None:
        while True:
            await self._gone.wait()
            try:
                await self._connect()
            except DATABASE_AWAY as error:
                logger.warning("cannot listen for runs (%s); they are polled until Postgres is back", error)
                self._gone.set()
                await asyncio.sleep(RETRY_SECONDS)
            else:
                self._alert(None)

    @staticmethod
    async def _close(connection: asyncpg.Connection) -> None:
        try:
            await connection.close(timeout=5)
        except DATABASE_AWAY:
            connection.terminate()

    def _lost(self, _connection: object) -> None:
        self._gone.set()
        self._alert(None)

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        self._alert(Urn(str(payload)))

    def _alert(self, run: Urn | None) -> None:
        events = self._watching.get(run, set()) if run else set[asyncio.Event]().union(*self._watching.values())
        for changed in events:
            changed.set()
        for heard in self._heeding:
            heard(run)


async def woken(event: asyncio.Event, seconds: float) -> None:
    """Return when the event is set, or after `seconds` at the latest."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return

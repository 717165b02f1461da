"""Following the log: the lineage graph of this process, brought up to the log before anybody reads it."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg

from server.adapters.lineage.graph import LineageGraph
from server.adapters.postgres.away import unavailable
from server.mesh.lineage.following.changes import Changes, changes_since, portions
from server.mesh.lineage.following.loading import load, small
from server.mesh.lineage.following.standing import NOWHERE, Standing, standing

TOGETHER = 2_000  # changes that are applied before others have a turn


class LineageFollower:
    """The graph, never older than the commits that preceded the question, whichever process made them."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._stands = NOWHERE
        self._graph: LineageGraph | None = None
        self._one = asyncio.Lock()
        self._next: asyncio.Task[LineageGraph] | None = None  # waits for its turn, and has asked nothing yet
        self._tasks: set[asyncio.Task[LineageGraph]] = set()

    @property
    def version(self) -> int:
        """The version of the stream of declared lineage that the graph reflects."""
        return self._stands.version

    async def start(self) -> None:
        """Load the graph. A large one goes on loading while the server answers; who asks for it waits."""
        if await small(self._pool):
            await self.now()
        else:
            self._later()

    async def stop(self) -> None:
        """End what is under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def stood(self, head: Callable[[], Awaitable[int]]) -> int:
        """Where `head` says that the log stands. One before the graph is that of a backup: the graph is let go."""
        reached = 0 if self._graph is None else self._graph.position
        position = await head()
        if position < reached:
            self._graph = None
        return position

    async def at(self, position: int) -> LineageGraph:
        """The graph, caught up with `position` where the log has come so far. Raises: PostgresAway."""
        if self._graph is not None and self._graph.position >= position:
            return self._graph
        return await self.now()

    async def now(self) -> LineageGraph:
        """The graph, caught up with the head as read after the call. Raises: PostgresAway."""
        return await asyncio.shield(self._later())

    def _later(self) -> asyncio.Task[LineageGraph]:
        """The next look at the log, one for all who ask before it begins."""
        if self._next is None:
            self._next = asyncio.create_task(self._look(), name="lineage-follower")
            self._tasks.add(self._next)
            self._next.add_done_callback(self._looked)
        return self._next

    def _looked(self, task: asyncio.Task[LineageGraph]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, as its askers may have gone

    async def _look(self) -> LineageGraph:
        async with self._one:
            self._next = None
            try:
                return await self._brought()
            except Exception as error:
                if (away := unavailable(error)) is not None:
                    raise away from error
                raise

    async def _brought(self) -> LineageGraph:
        """The graph, brought up to the head. One that the log no longer continues is loaded anew."""
        graph = self._graph
        if graph is not None:
            stands = await standing(self._pool, self._stands)
            if stands.continues and stands.version == self.version:
                return self._reached(graph, stands)  # nothing that came concerns lineage
            changes = await changes_since(self._pool, graph.position, graph.assets()) if stands.continues else None
            if changes is not None:
                return await self._applied(graph, changes)
        loaded = await load(self._pool)
        return self._reached(loaded.graph, loaded.standing)

    async def _applied(self, graph: LineageGraph, changes: Changes) -> LineageGraph:
        """The graph with the changes, a few at a time: who reads in between reads as of a position that it passed."""
        try:
            for number, urn in enumerate(changes.urns, graph.assets()):
                graph.asset(number, urn)
            for portion in portions(changes.moves, TOGETHER):
                graph.apply(portion)
                await asyncio.sleep(0)
        except BaseException:
            self._graph = None  # it may be neither here nor there
            raise
        return self._reached(graph, changes.standing)

    def _reached(self, graph: LineageGraph, stands: Standing) -> LineageGraph:
        graph.position = stands.position
        self._graph, self._stands = graph, stands
        return graph

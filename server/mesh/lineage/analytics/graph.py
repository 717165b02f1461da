"""What the whole lineage graph says of itself: figures, loops, and what most of the mesh rests on."""

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Hashable, Sequence
from enum import StrEnum
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

import asyncpg
import numpy as np
import numpy.typing as npt

from server.adapters.lineage.analytics.betweenness import betweenness
from server.adapters.lineage.analytics.cycles import knots, shortest_loops
from server.adapters.lineage.analytics.dependencies import domain_edges
from server.adapters.lineage.analytics.downstream import downstream_counts
from server.adapters.lineage.analytics.kept_answers import KeptAnswers, StillComputing
from server.adapters.lineage.analytics.rank import reversed_pagerank
from server.adapters.lineage.analytics.stats import NOTHING, GraphStats, graph_stats
from server.adapters.lineage.graph import Compact, LineageGraph
from server.adapters.side_process.process import SideProcess
from server.adapters.store.paging import MAX_FIRST
from server.kernel.errors import TimedOut
from server.kernel.ids import Urn
from server.kernel.record import record
from server.mesh.lineage.analytics.asset_domains import AssetDomains

T = TypeVar("T")

LONGEST_SECONDS = 120.0  # of one computation
WAIT_SECONDS = 20.0  # of one asker; the answer is kept for the next
QUICK_EDGES = 20_000  # up to here an answer takes some milliseconds: in a thread
INSTEAD = "ask for the lineage of single assets"
QUICK_WALKS = 200  # the same for betweenness, which is walked in Python


class Criticality(StrEnum):
    """By what assets are ranked."""

    DOWNSTREAM = "DOWNSTREAM"
    PAGERANK = "PAGERANK"
    BETWEENNESS = "BETWEENNESS"


@record
class Score:
    """An asset and its rank's figure."""

    asset: Urn
    score: float


@record
class Dependency:
    """`edges` lead from assets of the domain `source` to assets of the domain `target`."""

    source: Urn
    target: Urn
    edges: int


@record
class Sight:
    """The graph at a position. `moment`: the same for all positions from the newest change of lineage on."""

    graph: LineageGraph
    moment: int
    compact: Compact


class Following(Protocol):
    """Whoever keeps the graph up to the log."""

    async def at(self, position: int) -> LineageGraph:
        """The graph, caught up to a position at least."""
        ...


_SCORES: dict[Criticality, Callable[[Compact], tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]]] = {
    Criticality.DOWNSTREAM: downstream_counts,
    Criticality.PAGERANK: reversed_pagerank,
    Criticality.BETWEENNESS: betweenness,
}


class LineageAnalytics:
    """Answers about the graph at a position, computed off the event loop and shared by all who ask."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        following: Following,
        side: SideProcess,
        *,
        wait_seconds: float = WAIT_SECONDS,
        longest_seconds: float = LONGEST_SECONDS,
    ) -> None:
        self._following = following
        self._domains = AssetDomains(pool)
        self._side = side
        self._answers = KeptAnswers(lasting=TimedOut)
        self._compact: WeakKeyDictionary[LineageGraph, tuple[int, Compact]] = WeakKeyDictionary()
        self._wait_seconds = wait_seconds
        self._longest_seconds = longest_seconds

    async def stop(self) -> None:
        """End what is being computed."""
        await self._answers.stop()

    async def stats(self, position: int) -> GraphStats:
        """The graph in figures. Raises: TimedOut."""
        sight = await self._sight(position)
        if sight is None:
            return NOTHING
        return await self._answer(
            (sight.moment, "stats"),
            lambda: self._run(sight.compact, graph_stats),
            "lineageStats",
        )

    async def dependencies(self, position: int) -> list[Dependency]:
        """Edges between domains, by source and target. Raises: TimedOut."""
        sight = await self._sight(position)
        if sight is None:
            return []

        async def compute() -> list[Dependency]:  # an asset that has an edge stays in its domain until it has none
            names, domains = await self._domains.of_assets(position, sight.compact.n)
            found = await self._run(sight.compact, domain_edges, domains)
            return [
                Dependency(source=names[source], target=names[target], edges=edges) for source, target, edges in found
            ]

        return await self._answer((sight.moment, "dependencies"), compute, "domainDependencies")

    async def critical(self, position: int, by: Criticality, first: int) -> list[Score]:
        """The assets with the highest scores, by URN where they are equal. Raises: TimedOut."""
        sight = await self._sight(position)
        if sight is None or first == 0:
            return []

        async def compute() -> list[Score]:
            aside = by is Criticality.BETWEENNESS and len(sight.compact.indices) > QUICK_WALKS
            numbers, scores = await self._run(sight.compact, _SCORES[by], aside=aside)
            return await asyncio.to_thread(highest, sight.graph, numbers, scores)

        instead = INSTEAD if by is Criticality.PAGERANK else "rank by PAGERANK"
        return (await self._answer((sight.moment, by), compute, f"criticalAssets by {by}", instead))[:first]

    async def cycles(self, position: int, first: int) -> list[list[Urn]]:
        """The shortest loop through the first asset of each knot, by the URN of that asset. Raises: TimedOut."""
        sight = await self._sight(position)
        if sight is None or first == 0:
            return []

        async def compute() -> list[list[Urn]]:
            found = await self._run(sight.compact, knots)
            if not found:
                return []
            wanted = await asyncio.to_thread(_roots, sight.graph, found, first)
            loops = await self._run(sight.compact, shortest_loops, wanted)
            return [[Urn(sight.graph.urn(number)) for number in loop] for loop in loops]

        return await self._answer((sight.moment, "cycles", first), compute, "cycles")

    async def _sight(self, position: int) -> Sight | None:
        """The graph at a position; None where it has no edges, so that nothing heavy is loaded for it."""
        graph = await self._following.at(position)
        moment = min(graph.last_change, position)
        if graph not in self._compact:
            self._answers.forget()  # the graph was loaded anew, perhaps from another database
        kept, compact = self._compact.get(graph, (None, None))
        if compact is None or kept != moment:
            compact = graph.at(moment).compact()
            self._compact[graph] = (moment, compact)
        return Sight(graph=graph, moment=moment, compact=compact) if len(compact.indices) else None

    async def _run(self, compact: Compact, work: Callable[..., T], *arguments: object, aside: bool = False) -> T:
        """Do short work in a thread and long work in the side process."""
        if aside or len(compact.indices) > QUICK_EDGES:
            return await self._side.run(work, compact, *arguments, seconds=self._longest_seconds)
        return await asyncio.to_thread(work, compact, *arguments)

    async def _answer(self, key: Hashable, compute: Callable[[], Awaitable[T]], what: str, instead: str = INSTEAD) -> T:
        try:
            return await self._answers.of(key, compute, seconds=self._wait_seconds)
        except StillComputing:
            raise TimedOut(f"{what} is still being computed; ask again in a moment, or {instead}") from None
        except TimedOut:
            raise TimedOut(f"{what} takes longer than {self._longest_seconds:g} seconds here; {instead}") from None


def highest(graph: LineageGraph, numbers: npt.NDArray[Any], scores: npt.NDArray[np.float64]) -> list[Score]:
    """As many assets as an answer may list, highest score first, then by URN."""
    scores = np.round(scores, 12)  # what differs only by the order of additions is equal
    least = np.partition(scores, -MAX_FIRST)[-MAX_FIRST] if len(scores) > MAX_FIRST else scores.min()
    some = np.flatnonzero(scores >= least)
    every = zip(numbers[some].tolist(), scores[some].tolist(), strict=True)
    pairs = ((-score, graph.urn(number)) for number, score in every)
    return [Score(asset=Urn(urn), score=-score or 0.0) for score, urn in heapq.nsmallest(MAX_FIRST, pairs)]


def _roots(graph: LineageGraph, found: Sequence[Sequence[int]], first: int) -> list[tuple[int, Sequence[int]]]:
    """The asset with the smallest URN of each knot, with its knot, by URN."""
    roots = ((min((graph.urn(number), number) for number in knot), knot) for knot in found)
    return [(number, knot) for (_, number), knot in heapq.nsmallest(first, roots)]

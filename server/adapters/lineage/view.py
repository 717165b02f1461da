"""The graph at one position: the same questions for now and for any time of the past."""

from collections.abc import Collection, Container, Sequence
from typing import TYPE_CHECKING

import numpy as np

from server.adapters.lineage.answers import Compact, Path, Reach, Way
from server.adapters.lineage.edges import Edge
from server.adapters.lineage.past import Kinds, Sides
from server.adapters.lineage.paths import best_paths
from server.adapters.lineage.reaching import NOTHING, SHORT, reach
from server.adapters.lineage.walks import Side, closure

if TYPE_CHECKING:
    from server.adapters.lineage.graph import LineageGraph


class View:
    """Walks what stands while nothing changed after its position, and what stood as soon as something has."""

    def __init__(self, graph: "LineageGraph", position: int) -> None:
        self.position = position
        self._graph = graph
        self._past: Sides | None = None

    def closure(self, root: int, way: Way) -> Sequence[int]:
        """Everything that feeds the root, or that it feeds; nearest first, without the root."""
        return closure(self._side(way), root) if self._knows(root) else []

    def reach(
        self,
        root: int,
        way: Way,
        *,
        hops: int | None = None,
        kinds: frozenset[int] | None = None,
        least: float | None = None,
    ) -> Reach:
        """What lies within `hops` along edges of `kinds`, with a chain of at least the confidence `least` to it.

        Depth is the fewest edges. Confidence is the best product over chains of any length, also over assets farther
        away than `hops`, to twelve digits.
        """
        if not self._knows(root):
            return NOTHING
        back = Way.UP if way is Way.DOWN else Way.DOWN
        side, other = self._side(way, kinds), self._side(back, kinds)
        return reach(side, other, self._graph.columns, root, hops=hops, least=least, effort=SHORT)

    def edges_between(self, numbers: Collection[int]) -> list[tuple[int, int]]:
        """The edges whose both ends are among the numbers, in order."""
        rows = self._side(Way.DOWN).rows
        wanted = set(numbers)
        known = sorted(number for number in wanted if self._knows(number))
        return [(source, target) for source in known for target in sorted(rows[source]) if target in wanted]

    def fan_out(self, number: int) -> int:
        """How many edges lead from an asset."""
        return len(self._side(Way.DOWN).rows[number]) if self._knows(number) else 0

    def edges_into(self, source: int, targets: Container[int]) -> list[tuple[int, Edge]]:
        """The edges from an asset to those of `targets` that it feeds, each with its target."""
        if not self._knows(source):
            return []
        side, columns = self._side(Way.DOWN), self._graph.columns
        pairs = zip(side.rows[source], side.ids(source), strict=True)
        return [(target, columns.edge(id)) for target, id in pairs if target in targets]

    def edge(self, source: int, target: int) -> Edge | None:
        """The edge between two assets."""
        if not self._knows(source):
            return None
        side = self._side(Way.DOWN)
        row = side.rows[source]
        return self._graph.columns.edge(side.ids(source)[row.index(target)]) if target in row else None

    def paths(self, source: int, target: int, first: int) -> list[Path]:
        """Simple paths of at least one edge: the most trustworthy first, of those the shortest; at most 50.

        The best path is always there. In a graph full of loops the search ends after a bounded number of steps with
        the best ones that it has found by then.
        """
        if not (self._knows(source) and self._knows(target)):
            return []
        return best_paths(self._side(Way.DOWN), self._side(Way.UP), self._graph.columns, source, target, first)

    def compact(self) -> Compact:
        """The graph as arrays, one row for each number, without anything between the rows."""
        columns = self._graph.columns
        arrays = self._graph.past(self.position, None)[0].arrays()
        n = self._graph.assets()
        return Compact(
            indptr=np.pad(arrays.indptr, (0, n + 1 - len(arrays.indptr)), mode="edge"),
            indices=arrays.indices,
            kind=columns.kind[arrays.ids],
            confidence=columns.confidence[arrays.ids],
            n=n,
        )

    def _knows(self, number: int) -> bool:
        return 0 <= number < self._graph.assets()

    def _side(self, way: Way, kinds: Kinds = None) -> Side:
        if kinds is not None:
            sides = self._graph.past(self.position, kinds)
        elif self._graph.last_change <= self.position:
            return self._graph.side(way)
        else:
            sides = self._past = self._past or self._graph.past(self.position, None)
        return sides[0] if way is Way.DOWN else sides[1]

"""The lineage graph as NetworkX sees it: a snapshot at one position, its nodes the URNs of assets that have an edge."""

from collections.abc import Hashable, Iterable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from server.adapters.lineage.analytics.edges import Ends, Numbers, ends
from server.adapters.lineage.graph import LineageGraph, Way
from server.kernel.lineage import TYPES

TYPE, CONFIDENCE, DISTANCE = "lineage_type", "confidence", "distance"  # the attributes of an edge


class NxLineage:
    """A graph for NetworkX functions. Made on the event loop; used in a thread, for most of them take long.

    An edge has `lineage_type`, `confidence`, and `distance` (-ln confidence): the shortest way by distance is the most
    trustworthy chain.
    """

    __networkx_backend__ = "lineage"

    def __init__(self, lineage: LineageGraph, position: int | None = None) -> None:
        self.lineage = lineage
        self.position = lineage.position if position is None else position
        self.graph: dict[str, Any] = {}  # attributes of the graph, as NetworkX has them
        self._compact = lineage.at(self.position).compact()

    @cached_property
    def ends(self) -> Ends:
        """Its edges, the nodes renumbered 0, 1, 2 … as `nodes` lists them."""
        return ends(self._compact)

    @cached_property
    def nodes(self) -> list[str]:
        """The URNs of the assets that have an edge."""
        return [self.lineage.urn(number) for number in self.ends.assets.tolist()]

    @cached_property
    def matrix(self) -> Any:  # scipy's csr_array
        """Its edges as a sparse matrix of ones."""
        return self.ends.matrix()

    @cached_property
    def turned(self) -> Any:  # scipy's csr_array
        """Its edges turned round as a sparse matrix of ones."""
        return self.matrix.T.tocsr()

    @cached_property
    def starts(self) -> Numbers:
        """Where the edges of each node begin among all edges, and their end."""
        return self._begin(self.ends.sources)

    @cached_property
    def _backwards(self) -> tuple[Numbers, Numbers]:
        order = np.argsort(self.ends.targets, kind="stable")
        return self._begin(self.ends.targets), self.ends.sources[order]

    @property
    def edges(self) -> Iterator[tuple[str, str]]:
        """Source and target of each edge."""
        pairs = zip(self.ends.sources.tolist(), self.ends.targets.tolist(), strict=True)
        return ((self.nodes[source], self.nodes[target]) for source, target in pairs)

    def edge_attributes(self) -> Iterator[dict[str, Any]]:  # as NetworkX has them
        """The attributes of each edge, in the order of `edges`."""
        kinds, confidences, distances = self._compact.kind, self._compact.confidence, self.weights(DISTANCE)
        for kind, confidence, distance in zip(kinds.tolist(), confidences.tolist(), distances.tolist(), strict=True):
            yield {TYPE: TYPES[kind].value, CONFIDENCE: confidence, DISTANCE: distance}

    def weights(self, name: object) -> npt.NDArray[np.float64]:
        """An attribute of each edge as its weight, 1 where it has none. Raises: NotImplementedError."""
        if name == CONFIDENCE:
            return self._compact.confidence
        if name == DISTANCE:
            return np.abs(np.log(self._compact.confidence))
        if name == TYPE or not (name is None or isinstance(name, str)):
            raise NotImplementedError("weights are confidence or distance; convert the graph for others")
        return np.ones(len(self.ends.sources))

    def place(self, node: Hashable) -> int | None:
        """The place of a node in `nodes`."""
        number = self.lineage.number(node) if isinstance(node, str) else None
        if number is None:
            return None
        place = int(np.searchsorted(self.ends.assets, number))
        return place if place < len(self) and self.ends.assets[place] == number else None

    def row(self, place: int, way: Way) -> list[int]:
        """The places that edges lead to from there, or come from."""
        starts, others = (self.starts, self.ends.targets) if way is Way.DOWN else self._backwards
        row: list[int] = others[starts[place] : starts[place + 1]].tolist()
        return row

    def degrees(self, way: Way) -> Numbers:
        """How many edges lead away from each node, or to it."""
        return np.diff(self.starts if way is Way.DOWN else self._backwards[0])

    def is_directed(self) -> bool:
        """Yes."""
        return True

    def is_multigraph(self) -> bool:
        """No: a pair of assets has one edge."""
        return False

    def number_of_nodes(self) -> int:
        """How many nodes there are."""
        return len(self)

    def number_of_edges(self) -> int:
        """How many edges there are."""
        return len(self.ends.sources)

    def has_edge(self, source: Hashable, target: Hashable) -> bool:
        """Whether an edge leads from one to the other."""
        begin, end = self.place(source), self.place(target)
        return begin is not None and end is not None and end in self.row(begin, Way.DOWN)

    def successors(self, node: Hashable) -> Iterator[str]:
        """The nodes that edges lead to from this one. Raises: KeyError."""
        return self._neighbours(node, Way.DOWN)

    def predecessors(self, node: Hashable) -> Iterator[str]:
        """The nodes from which edges lead to this one. Raises: KeyError."""
        return self._neighbours(node, Way.UP)

    def in_degree(self, nodes: Iterable[str] | None = None) -> Iterator[tuple[str, int]]:
        """How many edges lead to each node, or to each of these."""
        return self._degrees(nodes, Way.UP)

    def out_degree(self, nodes: Iterable[str] | None = None) -> Iterator[tuple[str, int]]:
        """How many edges lead away from each node, or from each of these."""
        return self._degrees(nodes, Way.DOWN)

    def __len__(self) -> int:
        return len(self.ends.assets)

    def __contains__(self, node: Hashable) -> bool:
        return self.place(node) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self.nodes)

    def _begin(self, sorted_by: Numbers) -> Numbers:
        starts = np.zeros(len(self) + 1, dtype=np.int64)
        np.cumsum(np.bincount(sorted_by, minlength=len(self)), out=starts[1:])
        return starts

    def _neighbours(self, node: Hashable, way: Way) -> Iterator[str]:
        place = self.place(node)
        if place is None:
            raise KeyError(node)
        return (self.nodes[other] for other in self.row(place, way))

    def _degrees(self, nodes: Iterable[str] | None, way: Way) -> Iterator[tuple[str, int]]:
        degrees = self.degrees(way).tolist()
        if nodes is None:
            return iter(zip(self.nodes, degrees, strict=True))
        return ((node, degrees[place]) for node in nodes if (place := self.place(node)) is not None)

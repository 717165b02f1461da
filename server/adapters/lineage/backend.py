"""Our NetworkX backend "lineage": what runs on the lineage graph itself, and how the rest gets a plain graph."""

from typing import Any
from weakref import WeakKeyDictionary

import networkx as nx
import numpy as np

from server.adapters.lineage.backend_walks import Walks
from server.adapters.lineage.backend_whole import Whole
from server.adapters.lineage.graph import Intervals, LineageGraph
from server.adapters.lineage.nx_lineage import CONFIDENCE, DISTANCE, TYPE, NxLineage
from server.kernel.errors import LimitExceeded
from server.kernel.lineage import TYPES
from server.kernel.recorded import FOREVER

MOST_CONVERTED = 500_000  # edges: a quarter of a gigabyte as plain NetworkX, and some ten seconds

_converted: WeakKeyDictionary[LineageGraph, tuple[int, "nx.DiGraph[str]"]] = WeakKeyDictionary()


class Backend(Walks, Whole):
    """What NetworkX calls for graphs of ours. Every other function works on `convert_to_nx`, where that is allowed."""

    @staticmethod
    def convert_to_nx(graph: Any, *, name: str | None = None) -> Any:  # whatever NetworkX was called with
        """The graph as plain NetworkX, frozen; the last one of each lineage graph is kept. Raises: LimitExceeded.

        It takes seconds for a large graph: never on the event loop.
        """
        return _plain(graph) if isinstance(graph, NxLineage) else graph

    @staticmethod
    def convert_from_nx(
        graph: "nx.DiGraph[Any]",  # whatever the nodes are
        *,
        edge_attrs: dict[str, Any] | None = None,  # defaults by attribute
        **_: object,  # what NetworkX says of attributes of nodes and of graphs, which ours have not
    ) -> NxLineage:
        """A plain graph of URNs as ours. Raises: NotImplementedError for what lineage cannot hold."""
        if not graph.is_directed() or graph.is_multigraph():
            raise NotImplementedError("lineage is a directed graph with one edge between two assets")
        if any(not isinstance(node, str) for node in graph) or any(not graph.degree(node) for node in graph):
            raise NotImplementedError("the nodes of lineage are URNs, each with an edge")
        if any(source == target for source, target in graph.edges):
            raise NotImplementedError("lineage has no edge from an asset to itself")
        strange = set(edge_attrs or ()) - {CONFIDENCE, DISTANCE}
        if any(strange & data.keys() for _, _, data in graph.edges(data=True)):
            raise NotImplementedError("an edge of lineage has no other weight than its confidence")
        lineage = LineageGraph()
        lineage.load(list(graph), _intervals(graph))
        lineage.position = 1
        return NxLineage(lineage)


def _plain(graph: NxLineage) -> "nx.DiGraph[str]":
    moment = min(graph.position, graph.lineage.last_change)
    position, plain = _converted.get(graph.lineage, (-1, None))
    if plain is None or position != moment:
        if graph.number_of_edges() > MOST_CONVERTED:
            raise LimitExceeded(
                f"the lineage graph has {graph.number_of_edges()} edges, {MOST_CONVERTED} can be converted for"
                " NetworkX; call a function that runs on it directly"
            )
        plain = nx.DiGraph()
        plain.add_nodes_from(graph.nodes)
        plain.add_edges_from(
            (*pair, attributes) for pair, attributes in zip(graph.edges, graph.edge_attributes(), strict=True)
        )
        nx.freeze(plain)
        _converted[graph.lineage] = (moment, plain)
    return plain


def _intervals(graph: "nx.DiGraph[str]") -> Intervals:
    places = {node: place for place, node in enumerate(graph)}
    edges = [(places[source], places[target], data) for source, target, data in graph.edges(data=True)]
    return Intervals(
        source=np.array([source for source, _, _ in edges], np.int32),
        target=np.array([target for _, target, _ in edges], np.int32),
        kind=np.array([TYPES.index(data.get(TYPE, TYPES[0])) for _, _, data in edges], np.int8),
        confidence=np.array([data.get(CONFIDENCE, 1.0) for _, _, data in edges], np.float64),
        valid_from=np.ones(len(edges), np.int64),
        valid_to=np.full(len(edges), FOREVER, np.int64),
    )

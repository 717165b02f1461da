"""NetworkX functions that walk from a node, on our graph."""

import heapq
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeAlias

import networkx as nx

from server.adapters.lineage.graph import Way
from server.adapters.lineage.nx_lineage import NxLineage
from server.adapters.lineage.on_demand import csgraph

# What orders the neighbours of a node in a walk.
Sorting: TypeAlias = Callable[[Iterable[str]], Iterable[str]]


class Walks:
    """Named, called and answered as in NetworkX; nodes are URNs."""

    @staticmethod
    def descendants(G: NxLineage, source: Hashable) -> set[str]:  # noqa: N803  # NetworkX's name
        """All nodes that can be reached from one. Raises: NetworkXError."""
        return _closure(G, source, Way.DOWN)

    @staticmethod
    def ancestors(G: NxLineage, source: Hashable) -> set[str]:  # noqa: N803  # NetworkX's name
        """All nodes from which one can be reached. Raises: NetworkXError."""
        return _closure(G, source, Way.UP)

    @staticmethod
    def bfs_edges(
        G: NxLineage,  # noqa: N803  # NetworkX's name
        source: Hashable,
        reverse: bool = False,
        depth_limit: int | None = None,
        sort_neighbors: Sorting | None = None,
    ) -> Iterator[tuple[str, str]]:
        """The edges by which a walk in breadth finds each node first. Raises: NetworkXError."""
        root = G.place(source)
        if root is None:
            raise nx.NetworkXError(f"The node {source} is not in the digraph.")
        way = Way.UP if reverse else Way.DOWN
        for parent, child, _ in _breadth_first(G, root, way, depth_limit, sort_neighbors):
            yield G.nodes[parent], G.nodes[child]

    @staticmethod
    def single_source_shortest_path_length(
        G: NxLineage,  # noqa: N803  # NetworkX's name
        source: Hashable,
        cutoff: int | None = None,
    ) -> dict[str, int]:
        """How many edges away each reachable node is. Raises: NodeNotFound."""
        return _depths(G, source, Way.DOWN, cutoff)

    @staticmethod
    def single_target_shortest_path_length(
        G: NxLineage,  # noqa: N803  # NetworkX's name
        target: Hashable,
        cutoff: int | None = None,
    ) -> dict[str, int]:
        """How many edges away the node is from each that leads to it. Raises: NodeNotFound."""
        return _depths(G, target, Way.UP, cutoff)

    @staticmethod
    def has_path(G: NxLineage, source: Hashable, target: Hashable) -> bool:  # noqa: N803  # NetworkX's name
        """Whether one node can be reached from another. Raises: NodeNotFound."""
        return _path(G, _known(G, source), _known(G, target)) is not None

    @staticmethod
    def shortest_path(
        G: NxLineage,  # noqa: N803  # NetworkX's name
        source: Hashable | None = None,
        target: Hashable | None = None,
        weight: object = None,
        method: str = "dijkstra",
    ) -> list[str]:
        """A way of fewest edges. Raises: NodeNotFound, NetworkXNoPath; NotImplementedError for weights or many ways."""
        if source is None or target is None or weight is not None:
            raise NotImplementedError("one way by number of edges; convert the graph for others")
        path = _path(G, _known(G, source), _known(G, target))
        if path is None:
            raise nx.NetworkXNoPath(f"No path between {source} and {target}.")
        return [G.nodes[place] for place in path]

    @staticmethod
    def single_source_dijkstra_path_length(
        G: NxLineage,  # noqa: N803  # NetworkX's name
        source: Hashable,
        cutoff: float | None = None,
        weight: object = "weight",
    ) -> dict[str, float]:
        """The least sum of weights to each reachable node, nearest first. Raises: NodeNotFound."""
        return {G.nodes[place]: away for place, away in _nearest(G, _known(G, source), weight, cutoff)}

    @staticmethod
    def dijkstra_path_length(
        G: NxLineage,  # noqa: N803  # NetworkX's name
        source: Hashable,
        target: Hashable,
        weight: object = "weight",
    ) -> float:
        """The least sum of weights between two nodes. Raises: NodeNotFound, NetworkXNoPath."""
        end = G.place(target)
        for place, away in _nearest(G, _known(G, source), weight, None):
            if place == end:
                return away
        raise nx.NetworkXNoPath(f"Node {target} not reachable from {source}")


def _known(graph: NxLineage, node: Hashable) -> int:
    place = graph.place(node)
    if place is None:
        raise nx.NodeNotFound(f"Node {node} not found in graph")
    return place


def _closure(graph: NxLineage, node: Hashable, way: Way) -> set[str]:
    root = graph.place(node)
    if root is None:
        raise nx.NetworkXError(f"The node {node} is not in the digraph.")
    matrix = graph.matrix if way is Way.DOWN else graph.turned
    found = csgraph().breadth_first_order(matrix, root, return_predecessors=False)
    return {graph.nodes[place] for place in found[1:].tolist()}


def _breadth_first(
    graph: NxLineage, root: int, way: Way, hops: int | None, sorting: Sorting | None = None
) -> Iterator[tuple[int, int, int]]:
    """Parent, node and depth of each node in the order in which it is found."""
    seen, frontier, depth = {root}, [root], 0
    while frontier and (hops is None or depth < hops):
        nearer, frontier, depth = frontier, [], depth + 1
        for parent in nearer:
            row = graph.row(parent, way)
            if sorting is not None:
                row = [_known(graph, node) for node in sorting(iter([graph.nodes[place] for place in row]))]
            for place in row:
                if place not in seen:
                    seen.add(place)
                    frontier.append(place)
                    yield parent, place, depth


def _depths(graph: NxLineage, node: Hashable, way: Way, cutoff: int | None) -> dict[str, int]:
    root = _known(graph, node)
    found = {place: depth for _, place, depth in _breadth_first(graph, root, way, cutoff)}
    return {graph.nodes[place]: depth for place, depth in ({root: 0} | found).items()}


def _path(graph: NxLineage, source: int, target: int) -> list[int] | None:
    came_from = {source: source}
    if source != target:
        for parent, place, _ in _breadth_first(graph, source, Way.DOWN, None):
            came_from[place] = parent
            if place == target:
                break
        else:
            return None
    path = [target]
    while path[-1] != source:
        path.append(came_from[path[-1]])
    return path[::-1]


def _nearest(graph: NxLineage, root: int, weight: object, cutoff: float | None) -> Iterator[tuple[int, float]]:
    """Places by the least sum of weights, nearest first (Dijkstra 1959)."""
    weights = graph.weights(weight)
    starts = graph.starts
    known: set[int] = set()
    heap: list[tuple[float, int]] = [(0, root)]
    while heap:
        away, place = heapq.heappop(heap)
        if place in known:
            continue
        known.add(place)
        yield place, away
        costs = weights[starts[place] : starts[place + 1]].tolist()
        for other, cost in zip(graph.row(place, Way.DOWN), costs, strict=True):
            if other not in known and (cutoff is None or away + cost <= cutoff):
                heapq.heappush(heap, (away + cost, other))

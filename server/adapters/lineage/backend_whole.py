"""NetworkX functions about the whole graph, on ours."""

from collections.abc import Iterator

import networkx as nx
import numpy as np

from server.adapters.lineage.analytics.components import contracted, levels, strong, weak
from server.adapters.lineage.analytics.edges import Numbers
from server.adapters.lineage.analytics.rank import DAMPING, ROUNDS, TOLERANCE, NotConverged, pagerank
from server.adapters.lineage.graph import Way
from server.adapters.lineage.nx_lineage import NxLineage


class Whole:
    """Named, called and answered as in NetworkX; nodes are URNs."""

    @staticmethod
    def topological_generations(G: NxLineage) -> Iterator[list[str]]:  # noqa: N803  # NetworkX's name
        """Nodes by the longest way that leads to them. Raises: NetworkXUnfeasible where there is a loop."""
        found = 0
        for level in levels(G.starts, G.ends.targets):
            found += len(level)
            yield [G.nodes[place] for place in level.tolist()]
        if found < len(G):
            raise nx.NetworkXUnfeasible("Graph contains a cycle or graph changed during iteration")

    @staticmethod
    def is_directed_acyclic_graph(G: NxLineage) -> bool:  # noqa: N803  # NetworkX's name
        """Whether nothing leads back to itself."""
        return contracted(G.ends).count == len(G)

    @staticmethod
    def weakly_connected_components(G: NxLineage) -> Iterator[set[str]]:  # noqa: N803  # NetworkX's name
        """What hangs together whichever way the edges lead."""
        return _parts(G, weak(G.ends))

    @staticmethod
    def strongly_connected_components(G: NxLineage) -> Iterator[set[str]]:  # noqa: N803  # NetworkX's name
        """What can be reached from each other."""
        return _parts(G, strong(G.ends))

    @staticmethod
    def number_weakly_connected_components(G: NxLineage) -> int:  # noqa: N803  # NetworkX's name
        """How many there are."""
        return _number(weak(G.ends))

    @staticmethod
    def number_strongly_connected_components(G: NxLineage) -> int:  # noqa: N803  # NetworkX's name
        """How many there are."""
        return _number(strong(G.ends))

    @staticmethod
    def is_weakly_connected(G: NxLineage) -> bool:  # noqa: N803  # NetworkX's name
        """Whether all hangs together. Raises: NetworkXPointlessConcept without a node."""
        return _number(weak(_some(G).ends)) == 1

    @staticmethod
    def is_strongly_connected(G: NxLineage) -> bool:  # noqa: N803  # NetworkX's name
        """Whether every node can be reached from every other. Raises: NetworkXPointlessConcept without a node."""
        return _number(strong(_some(G).ends)) == 1

    @staticmethod
    def pagerank(
        G: NxLineage,  # noqa: N803  # NetworkX's name
        alpha: float = DAMPING,
        personalization: object = None,
        max_iter: int = ROUNDS,
        tol: float = TOLERANCE,
        nstart: object = None,
        weight: object = "weight",
        dangling: object = None,
    ) -> dict[str, float]:
        """The rank of each node. Raises: PowerIterationFailedConvergence; NotImplementedError for an own start."""
        if (personalization, nstart, dangling) != (None, None, None):
            raise NotImplementedError("all nodes begin alike; convert the graph for others")
        if not len(G):
            return {}
        try:
            ranks = pagerank(G.ends, G.weights(weight), alpha=alpha, rounds=max_iter, tolerance=tol)
        except NotConverged:
            raise nx.PowerIterationFailedConvergence(max_iter) from None
        return dict(zip(G.nodes, ranks.tolist(), strict=True))

    @staticmethod
    def in_degree_centrality(G: NxLineage) -> dict[str, float]:  # noqa: N803  # NetworkX's name
        """The share of all others from which an edge leads to a node."""
        return _shares(G, G.degrees(Way.UP))

    @staticmethod
    def out_degree_centrality(G: NxLineage) -> dict[str, float]:  # noqa: N803  # NetworkX's name
        """The share of all others to which an edge leads from a node."""
        return _shares(G, G.degrees(Way.DOWN))

    @staticmethod
    def degree_centrality(G: NxLineage) -> dict[str, float]:  # noqa: N803  # NetworkX's name
        """Edges from and to a node for each of the others."""
        return _shares(G, G.degrees(Way.UP) + G.degrees(Way.DOWN))


def _some(graph: NxLineage) -> NxLineage:
    if not len(graph):
        raise nx.NetworkXPointlessConcept("Connectivity is undefined for the null graph.")
    return graph


def _number(labels: Numbers) -> int:
    return int(labels.max(initial=-1)) + 1


def _parts(graph: NxLineage, labels: Numbers) -> Iterator[set[str]]:
    order = np.argsort(labels, kind="stable")
    borders = np.flatnonzero(np.diff(labels[order])) + 1
    for part in np.split(order, borders):
        if part.size:
            yield {graph.nodes[place] for place in part.tolist()}


def _shares(graph: NxLineage, degrees: Numbers) -> dict[str, float]:
    scale = 1.0 / (len(graph) - 1) if len(graph) > 1 else 1.0  # a node has an edge, so it is never alone
    return {node: degree * scale for node, degree in zip(graph.nodes, degrees.tolist(), strict=True)}

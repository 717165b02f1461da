"""Loops: the knots of a graph, and the shortest loop through an asset of each."""

from collections import deque
from collections.abc import Sequence

import numpy as np

from server.adapters.lineage.analytics.components import strong
from server.adapters.lineage.analytics.edges import ends
from server.adapters.lineage.graph import Compact


def knots(graph: Compact) -> list[list[int]]:
    """The strongly connected components that hold a loop, each as its assets in ascending order."""
    each = ends(graph)
    labels = strong(each)
    sizes = np.bincount(labels)
    looped = sizes > 1
    looped[labels[each.sources[each.sources == each.targets]]] = True
    members = np.flatnonzero(looped[labels])
    members = members[np.argsort(labels[members], kind="stable")]
    borders = np.flatnonzero(np.diff(labels[members])) + 1
    return [part.tolist() for part in np.split(each.assets[members], borders) if part.size]


def shortest_loops(graph: Compact, wanted: Sequence[tuple[int, Sequence[int]]]) -> list[list[int]]:
    """For each asset and the knot that it is in: the shortest loop through it, beginning with it.

    Among loops of one length the one with the smaller numbers, step by step from its end.
    """
    return [_shortest_loop(graph, root, frozenset(knot)) for root, knot in wanted]


def _shortest_loop(graph: Compact, root: int, knot: frozenset[int]) -> list[int]:
    came_from: dict[int, int] = {}
    frontier = deque([root])
    while root not in came_from:
        asset = frontier.popleft()
        row = np.sort(graph.indices[graph.indptr[asset] : graph.indptr[asset + 1]]).tolist()
        for after in row:
            if after in knot and after not in came_from:
                came_from[after] = asset
                frontier.append(after)
    loop = [came_from[root]]
    while loop[-1] != root:
        loop.append(came_from[loop[-1]])
    return loop[::-1]

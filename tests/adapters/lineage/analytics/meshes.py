"""Random graphs, compact and as plain NetworkX, for whoever compares the two."""

import networkx as nx
import numpy as np
from hypothesis import strategies as st

from server.adapters.lineage.graph import Compact

Pairs = dict[tuple[int, int], tuple[int, float]]

_NUMBERS = st.integers(0, 11)
GRAPHS = st.dictionaries(
    st.tuples(_NUMBERS, _NUMBERS).filter(lambda pair: pair[0] != pair[1]),
    st.tuples(st.integers(0, 2), st.sampled_from([0.25, 0.5, 0.9, 1.0])),
    min_size=1,
    max_size=30,
)


def compact(edges: Pairs, n: int = 12) -> Compact:
    """Edges (source, target) -> (kind, confidence) as arrays."""
    ordered = sorted(edges)
    rows = np.bincount([source for source, _ in ordered], minlength=n)
    return Compact(
        indptr=np.concatenate([[0], np.cumsum(rows)]).astype(np.int32),
        indices=np.array([target for _, target in ordered], np.int32),
        kind=np.array([edges[pair][0] for pair in ordered], np.int8),
        confidence=np.array([edges[pair][1] for pair in ordered], np.float64),
        n=n,
    )


def plain(edges: Pairs) -> nx.DiGraph:
    """The same as NetworkX has it: assets without an edge are not there."""
    return nx.DiGraph(sorted(edges))


def layered(assets: int, *, seed: int, loops: int = 0) -> Pairs:
    """A graph in ten layers with edges to later ones, and some that lead back."""
    chance = np.random.default_rng(seed)
    ends = chance.integers(0, assets, size=(assets * 5 // 2, 2))
    edges: Pairs = {}
    for first, second in ends.tolist():
        if first % 10 != second % 10:
            source, target = sorted((first, second), key=lambda number: number % 10)
            edges[source, target] = (0, 1.0)
    for first, second in chance.integers(0, assets, size=(loops, 2)).tolist():
        if first != second:
            edges[first, second] = (1, 0.5)
    return edges

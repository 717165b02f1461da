"""Which domain's assets are made of which other domain's."""

from collections.abc import Sequence

import numpy as np

from server.adapters.lineage.graph import Compact


def domain_edges(graph: Compact, domains: Sequence[int]) -> list[tuple[int, int, int]]:
    """Source domain, target domain and the edges from one to the other, in that order, edges inside a domain aside.

    `domains`: the domain of each asset by its number, counted from 0; -1 where it has none.
    """
    of = np.asarray(domains, dtype=np.int64)
    sources = np.repeat(of, np.diff(graph.indptr))
    targets = of[graph.indices]
    between = (sources >= 0) & (targets >= 0) & (sources != targets)
    count = int(of.max(initial=-1)) + 1
    pairs, edges = np.unique(sources[between] * count + targets[between], return_counts=True)
    return [(pair // count, pair % count, times) for pair, times in zip(pairs.tolist(), edges.tolist(), strict=True)]

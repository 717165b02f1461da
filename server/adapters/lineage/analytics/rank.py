"""PageRank against the edges: an asset has weight when much that has weight is made of it."""

import numpy as np
import numpy.typing as npt

from server.adapters.lineage.analytics.edges import Ends, Numbers, ends
from server.adapters.lineage.graph import Compact

DAMPING = 0.85  # the share that follows the edges, as in Page and Brin 1998 and in NetworkX
TOLERANCE = 1e-6  # for each asset, in the sum of all changes, as in NetworkX
ROUNDS = 100


class NotConverged(ArithmeticError):
    """The iteration did not come to rest."""


def reversed_pagerank(graph: Compact) -> tuple[Numbers, npt.NDArray[np.float64]]:
    """The assets with an edge, and the rank of each in the reversed graph. Ranks sum to 1. Raises: NotConverged."""
    each = ends(graph)
    turned = Ends(assets=each.assets, sources=each.targets, targets=each.sources)
    return each.assets, pagerank(turned, np.ones(len(each.sources)))


def pagerank(
    each: Ends,
    weights: npt.NDArray[np.float64],
    *,
    alpha: float = DAMPING,
    rounds: int = ROUNDS,
    tolerance: float = TOLERANCE,
) -> npt.NDArray[np.float64]:
    """Power iteration on edges with weights; what has no way out gives to all alike. Raises: NotConverged."""
    count = len(each.assets)
    given = np.bincount(each.sources, weights=weights, minlength=count)
    sinks = given == 0
    shares = np.divide(weights, given[each.sources], out=np.zeros(len(weights)), where=given[each.sources] != 0)
    matrix = each.weighted(shares).T.tocsr()
    rank: npt.NDArray[np.float64] = np.full(count, 1.0 / count)
    for _ in range(rounds):
        given_on: npt.NDArray[np.float64] = matrix @ rank
        before, rank = rank, alpha * (given_on + rank[sinks].sum() / count) + (1.0 - alpha) / count
        if np.abs(rank - before).sum() < count * tolerance:
            return rank
    raise NotConverged(f"PageRank did not come to rest in {rounds} rounds")

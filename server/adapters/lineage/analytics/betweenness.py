"""Betweenness: the share of shortest ways between others that lead through an asset (Brandes 2001)."""

import random
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from server.adapters.lineage.analytics.edges import Numbers, ends
from server.adapters.lineage.graph import Compact

EXACT = 2_000  # assets up to which every one is a starting point
SAMPLED = 512  # starting points beyond that
SEED = 1  # the same answer in every process


def betweenness(graph: Compact) -> tuple[Numbers, npt.NDArray[np.float64]]:
    """The assets with an edge, and the normalised betweenness of each; estimated beyond `EXACT` assets.

    NetworkX answers the same with the same starting points: `k=SAMPLED, seed=SEED`. Here a starting point costs what
    it reaches, there what the graph holds.
    """
    each = ends(graph)
    count = len(each.assets)
    exact = count <= EXACT
    starting = range(count) if exact else random.Random(SEED).sample(range(count), SAMPLED)  # noqa: S311  # no secret
    rows = [row.tolist() for row in np.split(each.targets, np.cumsum(np.bincount(each.sources, minlength=count))[:-1])]
    found = [0.0] * count
    for source in starting:
        _add(rows, source, found)
    pairs = max(1, count - 2)
    scale = np.full(count, 1.0 / (pairs * (count - 1 if exact else SAMPLED)))
    if not exact:
        scale[starting] = 1.0 / (pairs * (SAMPLED - 1))  # a starting point is never between itself and another
    return each.assets, np.array(found) * scale


def _add(rows: Sequence[Sequence[int]], source: int, found: list[float]) -> None:
    """Add to `found` the share of shortest ways from the source to every other that lead through each asset."""
    ways = {source: 1.0}
    before: dict[int, list[int]] = {}
    order: list[int] = []
    level = [source]
    while level:
        order += level
        following: dict[int, float] = {}
        for asset in level:
            for after in rows[asset]:
                if after in following:
                    following[after] += ways[asset]
                    before[after].append(asset)
                elif after not in ways:
                    following[after] = ways[asset]
                    before[after] = [asset]
        ways |= following
        level = list(following)
    share = dict.fromkeys(order, 0.0)
    for asset in reversed(order[1:]):
        part = (1.0 + share[asset]) / ways[asset]
        for earlier in before[asset]:
            share[earlier] += ways[earlier] * part
        found[asset] += share[asset]

"""What can be reached with how many hops, along which edges, how surely."""

import sys

import numpy as np

from server.adapters.lineage.answers import Reach
from server.adapters.lineage.confidence import best_chains, best_chains_by_arrays, rounded, rounded_all
from server.adapters.lineage.edges import EdgeColumns
from server.adapters.lineage.padded import Arrays
from server.adapters.lineage.walks import Levels, Side, between, levels, order_and_depths
from server.kernel.record import record


@record
class Effort:
    """How many assets are looked at on lists: in levels, by a search for chains, and by one between both ends only."""

    few: int
    tried: int
    cut: int


SHORT = Effort(few=256, tried=512, cut=4_096)  # beyond that arrays are quicker
WHOLE = Effort(few=sys.maxsize, tried=sys.maxsize, cut=sys.maxsize)
NOTHING = Reach(numbers=[], depths=[], confidences=[], beyond=False)


def reach(
    down: Side, up: Side, columns: EdgeColumns, root: int, *, hops: int | None, least: float | None, effort: Effort
) -> Reach:
    """What the root reaches on the side `down`; `up` is its other way. `hops` is at least 0.

    `least` keeps what a chain that sure leads to.
    """
    assert hops is None or hops >= 0, "hops are counted from 0"
    walked = levels(down, root, hops, effort.few)
    if walked is not None:
        found, beyond = walked
        if columns.certain or not (found or beyond):
            return reach_of(found, dict.fromkeys((n for level in found for n in level), 1.0), beyond)
        if least:
            short = sure_reach(down, found, root, beyond, least, effort)
        else:
            short = chained_reach(down, up, found, root, beyond, effort)
        if short is not None:
            return short
    arrays = down.arrays()
    if arrays is not None:
        return long_reach(arrays, columns, root, hops, least)
    return reach(down, up, columns, root, hops=hops, least=least, effort=WHOLE)


def sure_reach(down: Side, found: Levels, root: int, beyond: bool, least: float, effort: Effort) -> Reach | None:
    """What a chain of at least `least` leads to; None where such chains lead far around."""
    best = best_chains(down, root, wanted=None, least=least, among=None, most=effort.tried)
    if best is None:
        return None
    kept = {number: sure for number, chain in best.items() if (sure := rounded(chain)) >= least}
    near = [[number for number in level if number in kept] for level in found]
    return reach_of(near, kept, beyond and sum(map(len, near)) < len(kept))


def chained_reach(down: Side, up: Side, found: Levels, root: int, beyond: bool, effort: Effort) -> Reach | None:
    """Everything that was found, with its chains; None where these lead over very much."""
    wanted = [number for level in found for number in level]
    best = best_chains(down, root, wanted=wanted, least=0.0, among=None, most=effort.tried)
    if best is None:
        among = between(down, up, root, wanted, effort.cut)
        best = best_chains(down, root, wanted=wanted, least=0.0, among=among, most=effort.cut) if among else None
    if best is None:
        return None
    return reach_of(found, {number: rounded(best[number]) for number in wanted}, beyond)


def reach_of(found: Levels, sure: dict[int, float], beyond: bool) -> Reach:
    """The levels as one answer."""
    numbers = [number for level in found for number in level]
    return Reach(
        numbers=numbers,
        depths=[depth for depth, level in enumerate(found, 1) for _ in level],
        confidences=[sure[number] for number in numbers],
        beyond=beyond,
    )


def long_reach(arrays: Arrays, columns: EdgeColumns, root: int, hops: int | None, least: float | None) -> Reach:
    """The answer found on arrays: everything that can be reached, of which then some is kept."""
    order, depths = order_and_depths(arrays, root)
    chains = np.ones(len(order)) if columns.certain else best_chains_by_arrays(arrays, columns, order, least)
    sure = rounded_all(chains)
    good = sure >= (least or 0.0)
    good[0] = False  # the root is not its own answer
    kept = np.flatnonzero(good & (depths <= hops)) if hops is not None else np.flatnonzero(good)
    kept = kept[np.lexsort((order[kept], depths[kept]))]
    return Reach(
        numbers=order[kept].tolist(),
        depths=depths[kept].tolist(),
        confidences=sure[kept].tolist(),
        beyond=len(kept) < int(good.sum()),
    )

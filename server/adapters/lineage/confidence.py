"""How sure a chain of edges is: the best product of confidences over all chains to an asset.

What is best along the way is best at its end, because no confidence is above 1: Dijkstra's rule on -log(confidence).
"""

import heapq
import math
from collections.abc import Collection, Container
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from server.adapters.lineage import on_demand
from server.adapters.lineage.edges import EdgeColumns, Ints
from server.adapters.lineage.padded import Arrays
from server.adapters.lineage.walks import Side

Confidences: TypeAlias = npt.NDArray[np.float64]

DIGITS = 12  # of a product that are shown; the same, whichever way it was computed
EXACT_FROM = 1e-10  # down to here the power of ten that scales a product is exact as a float
LEAST_TOLL = 1e-300  # SciPy takes a stored zero for a missing edge
SLACK = 1e-9  # of a limit in logarithms; the rounded product decides


def best_chains(
    side: Side, root: int, *, wanted: Collection[int] | None, least: float, among: Container[int] | None, most: int
) -> dict[int, float] | None:
    """The confidence of each wanted asset, or of each that reaches `least`; None beyond `most` assets on the way.

    `among` is all that a chain may lead over, None where it may lead over everything.
    """
    rows = side.rows
    best: dict[int, float] = {}
    offered = {root: 1.0}
    heap = [(-1.0, root)]
    bound = least * (1 - SLACK)
    left = set(wanted) if wanted is not None else None
    while heap and (left is None or left):
        worth, number = heapq.heappop(heap)
        if number in best:
            continue
        best[number] = -worth
        if left is not None:
            left.discard(number)
        if len(best) > most:
            return None
        for neighbour, sure in zip(rows[number], side.sure(number), strict=True):
            chain = -worth * sure
            if chain > offered.get(neighbour, -1.0) and chain >= bound and (among is None or neighbour in among):
                offered[neighbour] = chain
                heapq.heappush(heap, (-chain, neighbour))
    best.pop(root, None)
    return best


def best_chains_by_arrays(arrays: Arrays, columns: EdgeColumns, order: Ints, least: float | None) -> Confidences:
    """The confidence of each asset of `order`, which is all that can be reached from its first; 0 below `least`."""
    part = within(arrays, order)
    tolls = np.maximum(-np.log(columns.confidence[part.ids]), LEAST_TOLL)
    chains = on_demand.sparse().csr_array((tolls, part.indices, part.indptr), shape=(len(order), len(order)))
    limit = math.inf if not least else -math.log(least) + SLACK
    distances: Confidences = on_demand.csgraph().dijkstra(chains, indices=0, limit=limit)
    return np.exp(-distances)


def within(arrays: Arrays, order: Ints) -> Arrays:
    """The rows of the assets in `order` alone, renumbered by it; no edge may lead out of them."""
    first, end = arrays.indptr[order], arrays.indptr[order + 1]
    indptr = np.zeros(len(order) + 1, np.int32)
    np.cumsum(end - first, out=indptr[1:])
    slots = np.repeat(first - indptr[:-1], end - first) + np.arange(indptr[-1], dtype=np.int32)
    place = np.empty(len(arrays.indptr), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    return Arrays(indptr, place[arrays.indices[slots]], arrays.ids[slots])


def rounded(confidence: float) -> float:
    """A product as it is shown: twelve digits that count."""
    if confidence < EXACT_FROM:
        return float(f"{confidence:.{DIGITS}g}")
    scale = 10.0 ** (DIGITS - 1 - math.floor(math.log10(confidence)))
    return round(confidence * scale) / scale


def rounded_all(confidences: Confidences) -> Confidences:
    """Products as they are shown. Both numbers of each quotient are whole, so it is the float nearest to its digits."""
    tiny = (confidences < EXACT_FROM) & (confidences > 0.0)
    sure = np.where(confidences < EXACT_FROM, 1.0, confidences)
    scale = 10.0 ** (DIGITS - 1 - np.floor(np.log10(sure)))
    shown = np.where(confidences == 0.0, 0.0, np.rint(sure * scale) / scale)
    shown[tiny] = [rounded(confidence) for confidence in confidences[tiny].tolist()]
    return shown

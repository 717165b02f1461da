"""The most trustworthy simple paths between two assets.

The toll of what remains to the target is computed once, backwards. Prefixes are then followed in order of toll paid
plus toll that remains, so every finished path is the best that is left. Tolls are whole numbers: paths that are equally
sure tie exactly, the shorter comes first, and a search among ties cannot go astray on rounding.
"""

import heapq
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from server.adapters.lineage import on_demand
from server.adapters.lineage.answers import Path
from server.adapters.lineage.confidence import Confidences, rounded, within
from server.adapters.lineage.edges import EdgeColumns, Ints
from server.adapters.lineage.loops import connecting_path
from server.adapters.lineage.padded import Arrays
from server.adapters.lineage.walks import Side, between

MOST_PATHS = 50
MOST_STEPS = 200_000  # edges looked at in one search: some tens of milliseconds; what was found by then is the answer
CUT = 4_096  # assets on ways between both ends up to which their tolls are found on lists
FINENESS = 2.0**42  # tolls to a unit of -log(confidence)
STEP = 64.0  # toll of an edge of confidence 1: more than rounding adds, less than a tenth digit of confidence


class Prefix(NamedTuple):
    """The beginning of a path: its last asset, what comes before that, and how sure the last edge is."""

    number: int
    before: "Prefix | None"
    sure: float


def best_paths(down: Side, up: Side, columns: EdgeColumns, source: int, target: int, first: int) -> list[Path]:
    """Simple paths of at least one edge, the most trustworthy first, of those the shortest."""
    if source == target or connecting_path(down, up, source, target) is None:
        return []
    remaining = tolls_to(down, up, columns, source, target)
    search = PathSearch(down, columns, remaining, target)
    found = [
        path for _, path in zip(range(min(first, MOST_PATHS)), search.paths(Prefix(source, None, 1.0)), strict=False)
    ]
    return sorted(found, key=lambda path: (-path.confidence, len(path.numbers), path.numbers))


class PathSearch:
    """One search, which ends when it has looked at MOST_STEPS edges; it always finds the best path."""

    def __init__(self, down: Side, columns: EdgeColumns, remaining: Mapping[int, float], target: int) -> None:
        self._down = down
        self._columns = columns
        self._remaining = remaining
        self._target = target
        self._steps = 0
        self._pushed = 0
        self._heap: list[tuple[float, int, float, Prefix]] = []  # toll in all, a number that parts ties, toll paid

    def paths(self, start: Prefix) -> Iterator[Path]:
        """The paths, best first."""
        found = False
        self._push(self._remaining[start.number], 0.0, start)
        while self._heap and not (found and self._steps > MOST_STEPS):
            total, _, paid, prefix = heapq.heappop(self._heap)
            whole = self._follow(prefix, paid, total)
            if whole is not None:
                found = True
                yield path_of(whole)

    def _follow(self, prefix: Prefix, paid: float, total: float) -> Prefix | None:
        """Go on for as long as nothing is lost by it; what branches off waits for its turn."""
        passed = set(numbers_of(prefix))
        self._steps += len(passed)
        while prefix.number != self._target:
            onward: tuple[float, Prefix] | None = None
            for step_paid, neighbour, sure in self._steps_from(prefix.number, paid):
                step_total = step_paid + self._remaining.get(neighbour, math.inf)
                if step_total == math.inf or neighbour in passed:
                    continue
                step = Prefix(neighbour, prefix, sure)
                if onward is None and step_total <= total:
                    onward = (step_paid, step)
                else:
                    self._push(step_total, step_paid, step)
            if onward is None:
                return None
            paid, prefix = onward
            passed.add(prefix.number)
        return prefix

    def _steps_from(self, number: int, paid: float) -> Iterator[tuple[float, int, float]]:
        neighbours = self._down.rows[number]
        self._steps += len(neighbours)
        for neighbour, sure in zip(neighbours, self._down.sure(number), strict=True):
            yield paid + toll(sure), neighbour, sure

    def _push(self, total: float, paid: float, prefix: Prefix) -> None:
        self._pushed += 1
        heapq.heappush(self._heap, (total, -self._pushed, paid, prefix))


def toll(confidence: float) -> float:
    """What an edge costs: a whole number above 0, the more the less sure it is."""
    return round(-math.log(confidence) * FINENESS) + STEP


def tolls_to(down: Side, up: Side, columns: EdgeColumns, source: int, target: int) -> dict[int, float]:
    """The least toll to the target, from each asset on a way from the source at least."""
    among = between(down, up, source, [target], CUT)
    arrays = up.arrays() if among is None else None
    return _tolls_on_lists(up, target, among) if arrays is None else _tolls_by_arrays(arrays, columns, target)


def _tolls_by_arrays(arrays: Arrays, columns: EdgeColumns, target: int) -> dict[int, float]:
    order: Ints = on_demand.csgraph().breadth_first_order(arrays.matrix, target, return_predecessors=False)
    part = within(arrays, order)
    tolls = np.rint(-np.log(columns.confidence[part.ids]) * FINENESS) + STEP
    chains = on_demand.sparse().csr_array((tolls, part.indices, part.indptr), shape=(len(order), len(order)))
    distances: Confidences = on_demand.csgraph().dijkstra(chains, indices=0)
    return dict(zip(order.tolist(), distances.tolist(), strict=True))


def _tolls_on_lists(up: Side, target: int, among: set[int] | None) -> dict[int, float]:
    least: dict[int, float] = {}
    heap = [(0.0, target)]
    while heap:
        paid, number = heapq.heappop(heap)
        if number in least:
            continue
        least[number] = paid
        for neighbour, sure in zip(up.rows[number], up.sure(number), strict=True):
            if neighbour not in least and (among is None or neighbour in among):
                heapq.heappush(heap, (paid + toll(sure), neighbour))
    return least


def numbers_of(prefix: Prefix | None) -> Sequence[int]:
    """The assets of a prefix, its last first."""
    numbers: list[int] = []
    while prefix is not None:
        numbers.append(prefix.number)
        prefix = prefix.before
    return numbers


def path_of(whole: Prefix) -> Path:
    """A finished path and the product of its confidences."""
    sure = 1.0
    step: Prefix | None = whole
    while step is not None:
        sure, step = sure * step.sure, step.before
    return Path(numbers=tuple(reversed(numbers_of(whole))), confidence=rounded(sure))

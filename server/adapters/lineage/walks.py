"""Walks by hops: everything that can be reached, and how far away it is."""

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeAlias

import numpy as np

from server.adapters.lineage import on_demand
from server.adapters.lineage.edges import Ints
from server.adapters.lineage.padded import Arrays

SWITCH = 64  # assets found from which arrays are quicker than lists


class Rows(Protocol):
    """The neighbours of each asset, in order of registration."""

    def __getitem__(self, number: int, /) -> Sequence[int]: ...


class Side(Protocol):
    """One way through the graph at one state. Every side of one state walks in the same order."""

    @property
    def rows(self) -> Rows:
        """Neighbours."""
        ...

    def ids(self, row: int) -> Sequence[int]:
        """The ids of the edges beside the neighbours of a row."""
        ...

    def sure(self, row: int) -> list[float]:
        """The confidences of the edges beside the neighbours of a row."""
        ...

    def arrays(self) -> Arrays | None:
        """The same for long walks, None where it is not to be had now."""
        ...


Levels: TypeAlias = list[list[int]]


def closure(side: Side, root: int) -> list[int]:
    """Everything that can be reached, nearest first, without the root."""
    rows = side.rows
    seen = {root}
    found = [root]
    for number in found:  # which grows on the way
        for neighbour in rows[number]:
            if neighbour not in seen:
                seen.add(neighbour)
                found.append(neighbour)
        if len(found) > SWITCH:
            return long_closure(side, root)
    del found[0]
    return found


def long_closure(side: Side, root: int) -> list[int]:
    """The same for a large answer."""
    arrays = side.arrays()
    if arrays is not None:
        order: Ints = on_demand.csgraph().breadth_first_order(arrays.matrix, root, return_predecessors=False)
        found: list[int] = order[1:].tolist()
        return found
    rows = side.rows
    seen = {root}
    queue = [root]
    for number in queue:
        fresh = [neighbour for neighbour in rows[number] if neighbour not in seen]
        seen.update(fresh)
        queue += fresh
    del queue[0]
    return queue


def levels(side: Side, root: int, hops: int | None, most: int | None) -> tuple[Levels, bool] | None:
    """What is 1, 2 … hops away, each sorted, and whether more lies behind; None where it is more than `most` assets."""
    rows = side.rows
    seen = {root}
    frontier = [root]
    found: Levels = []
    while frontier and (hops is None or len(found) < hops):
        nearer: list[int] = []
        for number in frontier:
            for neighbour in rows[number]:
                if neighbour not in seen:
                    seen.add(neighbour)
                    nearer.append(neighbour)
        if most is not None and len(seen) > most:
            return None
        if nearer:
            found.append(sorted(nearer))
        frontier = nearer
    return found, any(neighbour not in seen for number in frontier for neighbour in rows[number])


def order_and_depths(arrays: Arrays, root: int) -> tuple[Ints, Ints]:
    """What can be reached, the root first, and how many hops away each of it is."""
    order, parent = on_demand.csgraph().breadth_first_order(arrays.matrix, root)
    place = np.empty(len(parent), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    parents = place[parent[order[1:]]]  # never falls, because the order is by level
    borders = [0, 1]
    while borders[-1] < len(order):
        borders.append(1 + int(np.searchsorted(parents, borders[-1])))
    return order, np.repeat(np.arange(len(borders) - 1, dtype=np.int32), np.diff(borders))


def between(down: Side, up: Side, root: int, targets: Iterable[int], most: int) -> set[int] | None:
    """The assets that lie on a way from the root to one of the targets, these included; None where they are many."""
    reached = set(closure(down, root))
    rows = up.rows
    found = {root, *targets}
    queue = list(found)
    for number in queue:
        for neighbour in rows[number]:
            if neighbour not in found and neighbour in reached:
                found.add(neighbour)
                queue.append(neighbour)
        if len(found) > most:
            return None
    return found

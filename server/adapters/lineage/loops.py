"""The loop that a new edge would close."""

from typing import TypeAlias

import numpy as np

from server.adapters.lineage.edges import Ints
from server.adapters.lineage.padded import Arrays
from server.adapters.lineage.walks import Rows, Side

SWITCH = 1_024  # assets looked at from which arrays are quicker than lists

Steps: TypeAlias = dict[int, int]


def connecting_path(down: Side, up: Side, source: int, target: int) -> list[int] | None:
    """A shortest path from source to target, None where there is none; from both ends, the smaller frontier first."""
    if source == target:
        return [source]
    ahead: Steps = {source: source}  # each asset and the one before it
    behind: Steps = {target: target}  # each asset and the one after it
    front, back = [source], [target]
    while front and back:
        if len(ahead) + len(behind) > SWITCH:
            arrays = down.arrays(), up.arrays()
            if arrays[0] is not None and arrays[1] is not None:
                return _path_by_arrays(Search(arrays[0], source), Search(arrays[1], target))
        if len(front) <= len(back):
            met, front = _step(down.rows, front, ahead, behind)
        else:
            met, back = _step(up.rows, back, behind, ahead)
        if met is not None:
            return [*reversed(_trail(ahead, met)), *_trail(behind, met)[1:]]
    return None


def _step(rows: Rows, frontier: list[int], mine: Steps, other: Steps) -> tuple[int | None, list[int]]:
    found: list[int] = []
    for number in frontier:
        for neighbour in rows[number]:
            if neighbour not in mine:
                mine[neighbour] = number
                if neighbour in other:
                    return neighbour, found
                found.append(neighbour)
    return None, found


def _trail(steps: Steps, number: int) -> list[int]:
    trail = [number]
    while steps[trail[-1]] != trail[-1]:
        trail.append(steps[trail[-1]])
    return trail


class Search:
    """The same walk from one end over arrays, a level at a time. `frontier`: the newest level."""

    def __init__(self, arrays: Arrays, root: int) -> None:
        self._arrays = arrays
        self._before = np.zeros(len(arrays.indptr) - 1, np.int32)  # the asset before each, counted from 1; 0: not seen
        self._before[root] = root + 1
        self.frontier: Ints = np.array([root], np.int32)

    def step(self, other: "Search") -> int | None:
        """Go a level on. An asset that the other search has seen, if one is met."""
        begins, ends = self._arrays.indptr[self.frontier], self._arrays.indptr[self.frontier + 1]
        lengths = ends - begins
        last = np.cumsum(lengths)
        slots = np.repeat(begins - last + lengths, lengths) + np.arange(last[-1], dtype=np.int32)
        found = self._arrays.indices[slots]
        origins = np.repeat(self.frontier + 1, lengths)
        fresh = self._before[found] == 0  # a free slot holds its own row, which was seen
        found, origins = found[fresh], origins[fresh]
        self._before[found] = origins
        self.frontier = found[self._before[found] == origins]  # an asset found from several rows belongs to the last
        met = self.frontier[other._before[self.frontier] != 0]
        return int(met[0]) if len(met) else None

    def trail(self, number: int) -> list[int]:
        """The way from an asset that was seen back to the root."""
        trail = [number]
        while (before := int(self._before[trail[-1]]) - 1) != trail[-1]:
            trail.append(before)
        return trail


def _path_by_arrays(ahead: Search, behind: Search) -> list[int] | None:
    while len(ahead.frontier) and len(behind.frontier):
        mine, other = (ahead, behind) if len(ahead.frontier) <= len(behind.frontier) else (behind, ahead)
        met = mine.step(other)
        if met is not None:
            return [*reversed(ahead.trail(met)), *behind.trail(met)[1:]]
    return None

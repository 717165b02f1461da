"""The loop that a new edge would close."""

from server.adapters.lineage import on_demand
from server.adapters.lineage.padded import Arrays
from server.adapters.lineage.walks import Rows, Side

SWITCH = 1_024  # assets looked at from which arrays are quicker than lists


def connecting_path(down: Side, up: Side, source: int, target: int) -> list[int] | None:
    """A shortest path from source to target, None where there is none; from both ends, the smaller frontier first."""
    if source == target:
        return [source]
    ahead: dict[int, int] = {source: source}  # each asset and the one before it
    behind: dict[int, int] = {target: target}  # each asset and the one after it
    front, back = [source], [target]
    while front and back:
        if len(ahead) + len(behind) > SWITCH:
            forward = len(front) <= len(back)
            arrays = (down if forward else up).arrays()
            if arrays is not None:
                return _path_by_arrays(arrays, source, target) if forward else _path_back(arrays, source, target)
        if len(front) <= len(back):
            met, front = _step(down.rows, front, ahead, behind)
        else:
            met, back = _step(up.rows, back, behind, ahead)
        if met is not None:
            return [*reversed(_trail(ahead, met)), *_trail(behind, met)[1:]]
    return None


def _step(rows: Rows, frontier: list[int], mine: dict[int, int], other: dict[int, int]) -> tuple[int | None, list[int]]:
    found: list[int] = []
    for number in frontier:
        for neighbour in rows[number]:
            if neighbour not in mine:
                mine[neighbour] = number
                if neighbour in other:
                    return neighbour, found
                found.append(neighbour)
    return None, found


def _path_by_arrays(arrays: Arrays, source: int, target: int) -> list[int] | None:
    """The same over arrays, from one end: its cost is that of everything that can be reached."""
    _, before = on_demand.csgraph().breadth_first_order(arrays.matrix, source)
    path = [target]
    while path[-1] != source:
        path.append(int(before[path[-1]]))
        if path[-1] < 0:
            return None
    return path[::-1]


def _path_back(arrays: Arrays, source: int, target: int) -> list[int] | None:
    path = _path_by_arrays(arrays, target, source)
    return None if path is None else path[::-1]


def _trail(steps: dict[int, int], number: int) -> list[int]:
    trail = [number]
    while steps[trail[-1]] != trail[-1]:
        trail.append(steps[trail[-1]])
    return trail

"""The lineage of all assets in memory: what stands, changed edge by edge, and what ever stood."""

from array import array
from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from server.adapters.lineage.adjacency import Adjacency
from server.adapters.lineage.answers import Compact, Path, Reach, Way
from server.adapters.lineage.edges import Edge, EdgeChange, EdgeColumns, Intervals, Ints, no_intervals
from server.adapters.lineage.loops import connecting_path
from server.adapters.lineage.past import Ended, Kinds, Order, PastSide, Sides, State, States
from server.adapters.lineage.view import View
from server.kernel.recorded import FOREVER

__all__ = ["Compact", "Edge", "EdgeChange", "Intervals", "LineageGraph", "Path", "Reach", "View", "Way"]


class LineageGraph:
    """Assets are numbers from 0 without holes, edges are intervals of log positions; loops are welcome.

    Every change is made in one synchronous call, so no reader sees half of it. One thread changes and reads the graph.
    `position` is the log position that it reflects, which its follower sets.
    """

    def __init__(self) -> None:
        self.position = 0
        self.load((), no_intervals())

    def load(self, urns: Sequence[str], edges: Intervals) -> None:
        """Take over a whole graph. Whoever calls this turns the collector of cycles off meanwhile and freezes after."""
        assert max(edges.source.max(initial=-1), edges.target.max(initial=-1)) < len(urns), "every end has a name"
        numbers = list(range(len(urns)))
        self._urns = list(urns)
        self._numbers = dict(zip(self._urns, numbers, strict=True))
        self.columns = columns = EdgeColumns(edges)
        self._down, self._up = Adjacency(columns, Way.DOWN, numbers), Adjacency(columns, Way.UP, numbers)
        ended: Ints = np.flatnonzero(columns.until[: columns.count] != FOREVER).astype(np.int32)
        ended = ended[np.argsort(columns.until[ended], kind="stable")]
        self._ended_down, self._ended_up = ended_rows(columns.source, ended), ended_rows(columns.target, ended)
        self._ends = array("q", columns.until[ended].tobytes())
        self._order_down, self._order_up = Order(columns, Way.DOWN), Order(columns, Way.UP)
        self._states = States()
        begun = int(columns.since[columns.count - 1]) if columns.count else 0
        self.last_change = max(begun, self._ends[-1] if self._ends else 0)

    def asset(self, number: int, urn: str) -> None:
        """Name an asset. Numbers come without holes; one that is known is let be."""
        if number < len(self._urns):
            assert self._urns[number] == urn, "a number is one asset for ever"
            return
        assert number == len(self._urns), "numbers of assets have no holes"
        self._urns.append(urn)
        self._numbers[urn] = number
        self._extend(number + 1)

    def number(self, urn: str) -> int | None:
        """The number of an asset, None where no edge ever named it."""
        return self._numbers.get(urn)

    def urn(self, number: int) -> str:
        """The asset of a number."""
        return self._urns[number]

    def assets(self) -> int:
        """How many assets have a number."""
        return len(self._down.rows)

    def apply(self, changes: Sequence[EdgeChange]) -> None:
        """Take over changes, in any order among themselves, none before the last call's; known ones are let be.

        An interval may be there twice, as it began and as it ended.
        """
        newest: dict[tuple[int, int, int], EdgeChange] = {}
        for change in changes:
            key = (change.source, change.target, change.valid_from)
            if key not in newest or change.valid_to < newest[key].valid_to:
                newest[key] = change
        endings: list[tuple[int, int]] = []
        fresh: list[EdgeChange] = []
        for change in newest.values():
            standing = self._standing(change.source, change.target)
            if standing is not None and self.columns.since[standing] == change.valid_from:
                if change.valid_to != FOREVER:
                    self._down.remove(change.source, change.target)
                    self._up.remove(change.target, change.source)
                    endings.append((change.valid_to, standing))
            elif not self._is_known(change):
                fresh.append(change)
        for change in sorted(fresh, key=lambda change: change.valid_from):
            id = self._open(change)
            if change.valid_to != FOREVER:
                endings.append((change.valid_to, id))
        for until, id in sorted(endings):
            self._end(id, until)

    def edge(self, source: int, target: int) -> Edge | None:
        """The standing edge."""
        id = self._standing(source, target)
        return None if id is None else self.columns.edge(id)

    def size(self) -> int:
        """How many edges stand."""
        return self.columns.count - len(self._ends)

    def touching(self, number: int) -> list[tuple[int, int]]:
        """The standing edges to and from an asset, as (source, target)."""
        if number >= self.assets():
            return []
        to = [(source, number) for source in self._up.rows[number]]
        return sorted(to + [(number, target) for target in self._down.rows[number]])

    def loop(self, source: int, target: int) -> list[int] | None:
        """A shortest path target … source, which an edge source -> target would close; None where it closes none."""
        if max(source, target) >= self.assets():
            return [source] if source == target else None
        return connecting_path(self._down, self._up, target, source)

    def at(self, position: int) -> View:
        """The graph at a position, which stays what it is while the graph moves on."""
        return View(self, position)

    def side(self, way: Way) -> Adjacency:
        """One way through what stands now."""
        return self._down if way is Way.DOWN else self._up

    def past(self, position: int, kinds: Kinds) -> Sides:
        """Both ways through what stood at a position; positions between which nothing changed are one state."""
        key = (self.columns.opened(position), bisect_right(self._ends, position), kinds)
        sides = self._states.get(key)
        if sides is None:
            state = State(self.columns, position, key[0], kinds)
            sides = (
                PastSide(state, self.columns, self._down, self._ended_down, self._order_down),
                PastSide(state, self.columns, self._up, self._ended_up, self._order_up),
            )
            self._states.keep(key, sides, self.columns.count)
        else:
            self._states.move_to_end(key)
        return sides

    def _extend(self, size: int) -> None:
        self._down.extend(size)
        self._up.extend(size)

    def _standing(self, source: int, target: int) -> int | None:
        down, up = self._down, self._up
        if max(source, target) >= len(down.rows):
            return None
        side, row, neighbour = down, source, target
        if len(down.rows[source]) > len(up.rows[target]):
            side, row, neighbour = up, target, source
        neighbours = side.rows[row]
        return side.ids(row)[neighbours.index(neighbour)] if neighbour in neighbours else None

    def _is_known(self, change: EdgeChange) -> bool:
        columns = self.columns
        if change.valid_from > self.last_change:
            return False
        ended = self._ended_down.get(change.source, ())
        return any(columns.target[id] == change.target and columns.since[id] == change.valid_from for id in ended)

    def _open(self, change: EdgeChange) -> int:
        id = self.columns.add(change)
        self._extend(max(change.source, change.target) + 1)
        if change.valid_to == FOREVER:
            self._down.insert(change.source, change.target, id)
            self._up.insert(change.target, change.source, id)
        self.last_change = max(self.last_change, change.valid_from)
        return id

    def _end(self, id: int, until: int) -> None:
        self.columns.until[id] = until
        self._ended_down.setdefault(int(self.columns.source[id]), []).append(id)
        self._ended_up.setdefault(int(self.columns.target[id]), []).append(id)
        self._ends.append(until)
        self.last_change = max(self.last_change, until)


def ended_rows(near: Ints, ended: Ints) -> Ended:
    """The ended edges of each asset that has some."""
    rows: Ended = {}
    for number, id in zip(near[ended].tolist(), ended.tolist(), strict=True):
        rows.setdefault(number, []).append(id)
    return rows

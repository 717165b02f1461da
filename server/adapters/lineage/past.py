"""The graph as it stood: rows are put together when they are first walked, arrays when a walk is long."""

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from server.adapters.lineage.adjacency import Adjacency
from server.adapters.lineage.answers import Way
from server.adapters.lineage.edges import EdgeColumns, Ints, grouped
from server.adapters.lineage.padded import Arrays

KEPT_STATES, KEPT_EDGES = 8, 8_000_000  # states that are remembered, fewer where the graph is large
KEPT_ROWS = 50_000  # rows of a state that are remembered

Ended: TypeAlias = dict[int, list[int]]  # the ended edges of an asset, in order of their end
Kinds: TypeAlias = frozenset[int] | None


class State:
    """What stood at a position: of the intervals below `opened` those that ended after it; of some kinds or of all."""

    def __init__(self, columns: EdgeColumns, position: int, opened: int, kinds: Kinds) -> None:
        self._columns = columns
        self.position = position
        self.opened = opened
        self._kinds = kinds
        self.all_kinds = kinds is None

    def of(self, standing: list[int], ended: list[int]) -> list[int]:
        """The ids that belong to the state, of a row's standing and ended edges, in order of registration."""
        ids = standing[: bisect_left(standing, self.opened)]
        if ended:
            until = self._columns.until
            late = ended[bisect_right(ended, self.position, key=until.__getitem__) :]
            then = [id for id in late if id < self.opened]
            ids = sorted(ids + then) if then else ids
        if self._kinds is None:
            return ids
        return [id for id, kind in zip(ids, self._columns.kind[ids].tolist(), strict=True) if kind in self._kinds]

    def keeps(self, ids: Ints) -> npt.NDArray[np.bool_]:
        """Which of the ids belong to the state."""
        kept = (ids < self.opened) & (self._columns.until[ids] > self.position)
        if self._kinds is not None:
            kept &= np.isin(self._columns.kind[ids], list(self._kinds))
        return kept


class PastRows(dict[int, Sequence[int]]):
    """Neighbours of assets at a state, remembered once computed."""

    def __init__(self, side: "PastSide") -> None:
        super().__init__()
        self._side = side

    def __missing__(self, row: int) -> Sequence[int]:
        if len(self) >= KEPT_ROWS:
            self.clear()
        neighbours = self[row] = self._side.neighbours(row)
        return neighbours


class PastSide:
    """One way through a state."""

    def __init__(self, state: State, columns: EdgeColumns, live: Adjacency, ended: Ended, order: "Order") -> None:
        self.rows = PastRows(self)
        self._state = state
        self._columns = columns
        self._live = live
        self._ended = ended
        self._order = order
        self._arrays: Arrays | None = None

    def ids(self, row: int) -> list[int]:
        """The ids of the edges beside the neighbours of a row."""
        return self._state.of(self._live.ids(row), self._ended.get(row, []))

    def sure(self, row: int) -> list[float]:
        """The confidences of the edges of a row."""
        ids = self.ids(row)
        return self._columns.sure(ids) if ids else []

    def neighbours(self, row: int) -> Sequence[int]:
        """The neighbours of a row, as the live row listed them then."""
        ids = self.ids(row)
        if self._state.all_kinds and row not in self._ended:
            return tuple(self._live.rows[row][: len(ids)])  # the row has only grown since
        return tuple(self._order.far[ids].tolist())

    def arrays(self) -> Arrays:
        """The whole state as compressed rows."""
        if self._arrays is None:
            ids, begins = self._order.edges(self._state.opened)
            begins = np.pad(begins, (0, max(len(self._live.rows) + 1 - len(begins), 0)), mode="edge")
            kept = self._state.keeps(ids)
            before = np.zeros(len(ids) + 1, np.int32)
            np.cumsum(kept, out=before[1:])
            ids = ids[kept]
            self._arrays = Arrays(before[begins], self._order.far[ids], ids)
        return self._arrays


class Order:
    """All intervals ordered by where they start, for one way; those that came since are taken in when asked for."""

    def __init__(self, columns: EdgeColumns, way: Way) -> None:
        self._columns = columns
        self._way = way
        self._ids = np.empty(0, np.int32)
        self._begins = np.zeros(1, np.int32)

    @property
    def far(self) -> Ints:
        """Where each edge leads."""
        return self._columns.ends(self._way)[1]

    def edges(self, opened: int) -> tuple[Ints, Ints]:
        """The ids row by row, and where each row begins: of the intervals below `opened` at least."""
        known = len(self._ids)
        if known < opened:
            near, far = (ends[known : self._columns.count] for ends in self._columns.ends(self._way))
            n = max(len(self._begins) - 1, int(near.max()) + 1, int(far.max()) + 1)
            order, begins = grouped(near, n)
            before = np.pad(self._begins, (0, n + 1 - len(self._begins)), mode="edge")
            self._ids = np.insert(self._ids, before[near[order] + 1], order + np.int32(known))
            self._begins = before + begins
        return self._ids, self._begins


Sides: TypeAlias = tuple[PastSide, PastSide]  # down, up


class States(OrderedDict[tuple[int, int, Kinds], Sides]):
    """The states that were walked last."""

    def keep(self, key: tuple[int, int, Kinds], sides: Sides, edges: int) -> None:
        """Remember a state, and forget the one that was not asked for the longest."""
        self[key] = sides
        while len(self) > max(1, min(KEPT_STATES, KEPT_EDGES // (edges + 1))):
            self.popitem(last=False)

"""Edges as values and as columns: what was ever registered, in order of position."""

from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from server.adapters.lineage.answers import Way
from server.kernel.record import record
from server.kernel.recorded import FOREVER

Ints: TypeAlias = npt.NDArray[np.int32]
Positions: TypeAlias = npt.NDArray[np.int64]
Number = TypeVar("Number", bound=np.generic)


@record
class Edge:
    """What an edge says. `kind` is an index into LineageType; 0 < confidence <= 1; valid_from is a log position."""

    kind: int
    confidence: float
    valid_from: int


@record
class EdgeChange:
    """An interval of an edge: `valid_to` is FOREVER while it stands; its end repeats it with that position."""

    source: int
    target: int
    kind: int
    confidence: float
    valid_from: int
    valid_to: int


@record
class Intervals:
    """Every interval of every edge as columns of one length, in any order."""

    source: Ints
    target: Ints
    kind: npt.NDArray[np.int8]
    confidence: npt.NDArray[np.float64]
    valid_from: Positions
    valid_to: Positions


class EdgeColumns:
    """Every interval under its id. Ids follow `since`: what had been opened at a position are the ids below a bound."""

    def __init__(self, edges: Intervals | None = None) -> None:
        edges = edges or no_intervals()
        order = np.argsort(edges.valid_from, kind="stable")
        self.count = len(order)
        spare = self.count // 16 + 64
        self.source: Ints = _roomy(edges.source[order], spare)
        self.target: Ints = _roomy(edges.target[order], spare)
        self.kind = _roomy(edges.kind[order], spare)
        self.confidence = _roomy(edges.confidence[order], spare)
        self.since: Positions = _roomy(edges.valid_from[order], spare)
        self.until: Positions = _roomy(edges.valid_to[order], spare)
        self.certain = bool((edges.confidence == 1.0).all())  # every chain of such edges has confidence 1

    def add(self, change: EdgeChange) -> int:
        """The id of a new interval, which stands until it is ended."""
        id = self.count
        assert id == 0 or change.valid_from >= self.since[id - 1], "edges come in order of position"
        if id == len(self.source):
            self._grow(id // 4 + 64)
        self.source[id], self.target[id], self.kind[id] = change.source, change.target, change.kind
        self.confidence[id], self.since[id], self.until[id] = change.confidence, change.valid_from, FOREVER
        self.certain = self.certain and change.confidence == 1.0
        self.count += 1
        return id

    def opened(self, position: int) -> int:
        """How many intervals had begun at a position: the bound of their ids."""
        return int(np.searchsorted(self.since[: self.count], position, side="right"))

    def standing(self) -> Ints:
        """The edges that stand now, in order of registration."""
        return np.flatnonzero(self.until[: self.count] == FOREVER).astype(np.int32)

    def ends(self, way: Way) -> tuple[Ints, Ints]:
        """Where each edge starts and where it leads, for one who walks that way."""
        return (self.source, self.target) if way is Way.DOWN else (self.target, self.source)

    def sure(self, ids: Ints | list[int]) -> list[float]:
        """The confidences of some edges."""
        confidences: list[float] = self.confidence.take(ids).tolist()
        return confidences

    def edge(self, id: int) -> Edge:
        """What the edge of an interval says."""
        return Edge(kind=int(self.kind[id]), confidence=float(self.confidence[id]), valid_from=int(self.since[id]))

    def _grow(self, spare: int) -> None:
        self.source, self.target = _roomy(self.source, spare), _roomy(self.target, spare)
        self.kind, self.confidence = _roomy(self.kind, spare), _roomy(self.confidence, spare)
        self.since, self.until = _roomy(self.since, spare), _roomy(self.until, spare)


def no_intervals() -> Intervals:
    """No edge at all."""
    numbers, positions = np.empty(0, np.int32), np.empty(0, np.int64)
    return Intervals(
        source=numbers,
        target=numbers,
        kind=np.empty(0, np.int8),
        confidence=np.empty(0, np.float64),
        valid_from=positions,
        valid_to=positions,
    )


def grouped(keys: Ints, n: int) -> tuple[Ints, Ints]:
    """The places of `keys` ordered by key, within a key as they were, and where each of the n keys begins."""
    packed = keys.astype(np.int64) << 32 | np.arange(len(keys), dtype=np.int64)
    packed.sort()
    begins = np.zeros(n + 1, np.int32)
    np.cumsum(np.bincount(keys, minlength=n), out=begins[1:])
    return (packed & 0xFFFFFFFF).astype(np.int32), begins


def _roomy(column: npt.NDArray[Number], spare: int) -> npt.NDArray[Number]:
    return np.concatenate([column, np.zeros(spare, column.dtype)])

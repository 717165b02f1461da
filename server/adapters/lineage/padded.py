"""Compressed rows with room to spare, so that C code walks the graph that changes under it.

A free slot of row u holds u itself: an edge from an asset to itself means nothing to a walk, to a shortest chain or
to a component. Degrees and counts must not be read from here.
"""

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from server.adapters.lineage import on_demand
from server.adapters.lineage.edges import Ints

NEW_ROWS, NEW_ROOM = 64, 4  # at least so many rows for assets to come, each with so many slots


class Arrays:
    """Compressed rows: slots indptr[u] to indptr[u + 1] hold the neighbours of u, and the ids of those edges."""

    def __init__(self, indptr: Ints, indices: Ints, ids: Ints) -> None:
        self.indptr = indptr
        self.indices = indices
        self.ids = ids

    @cached_property
    def matrix(self) -> Any:  # scipy's csr_array, on this memory
        """What SciPy walks."""
        n = len(self.indptr) - 1
        return on_demand.sparse().csr_array((_ones(len(self.indices)), self.indices, self.indptr), shape=(n, n))


class Padded(Arrays):
    """Compressed rows whose every row can take some more edges."""

    def __init__(self, begins: Ints, neighbours: Ints, ids: Ints) -> None:
        lengths = np.diff(begins)
        n, spare = len(lengths), max(len(lengths) // 16, NEW_ROWS)
        room = np.full(n + spare, NEW_ROOM, np.int32)
        room[:n] = lengths + np.maximum(lengths // 4, 1)
        indptr = np.zeros(n + spare + 1, np.int32)
        np.cumsum(room, out=indptr[1:])
        slots = np.repeat(indptr[:n] - begins[:-1], lengths) + np.arange(len(ids), dtype=np.int32)
        indices = np.repeat(np.arange(n + spare, dtype=np.int32), room)
        indices[slots] = neighbours
        slot_ids = np.zeros(len(indices), np.int32)
        slot_ids[slots] = ids
        super().__init__(indptr, indices, slot_ids)
        self._begins, self._indices, self._ids = indptr.data, indices.data, slot_ids.data

    def has_room(self, row: int, length: int, farthest: int) -> bool:
        """Whether a row can hold so many edges, to neighbours up to `farthest`: no slot may name a row outside."""
        last = len(self._begins) - 1
        return row < last and farthest < last and self._begins[row] + length <= self._begins[row + 1]

    def insert(self, row: int, place: int, neighbour: int, id: int) -> None:
        """Fill the first free slot of a row."""
        slot = self._begins[row] + place
        self._indices[slot] = neighbour
        self._ids[slot] = id

    def remove(self, row: int, place: int, length: int) -> None:
        """Take out one of the `length` edges of a row; the others keep their order."""
        first = self._begins[row]
        slot, last = first + place, first + length - 1
        self.indices[slot:last] = self.indices[slot + 1 : last + 1]
        self.ids[slot:last] = self.ids[slot + 1 : last + 1]
        self._indices[last] = row

    def slots(self, row: int, length: int) -> Ints:
        """The ids of the `length` edges of a row, as long as nothing changes."""
        first = self._begins[row]
        return self.ids[first : first + length]

    def edges(self, row: int, length: int) -> list[int]:
        """The ids of the `length` edges of a row."""
        first = self._begins[row]
        return self._ids[first : first + length].tolist()

    def replace(self, row: int, neighbours: list[int], ids: list[int]) -> None:
        """Write a whole row anew."""
        first, end = self._begins[row], self._begins[row + 1]
        self.indices[first:end] = row
        self.indices[first : first + len(ids)] = neighbours
        self.ids[first : first + len(ids)] = ids


_shared = np.ones(0)


def _ones(count: int) -> npt.NDArray[np.float64]:
    """Weights that nobody reads and nobody writes: one array for all, in the one type that SciPy does not copy."""
    global _shared
    if len(_shared) < count:
        _shared = np.ones(count)
    return _shared[:count]

"""The graph with its loops contracted: what leads back to itself becomes one component, and the rest is a DAG."""

import numpy as np

from server.adapters.lineage.analytics.edges import Ends, Numbers, rows
from server.adapters.lineage.on_demand import csgraph
from server.kernel.record import record


@record
class Contracted:
    """The DAG of strongly connected components, numbered so that every edge leads to a larger number.

    `of`: the component of each asset. `starts`, `targets`: its edges as CSR, each pair once.
    `levels`: where each level begins in the numbers of components, and their end; an edge leads to a later level.
    """

    of: Numbers
    starts: Numbers
    targets: Numbers
    levels: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many components there are."""
        return len(self.starts) - 1


def strong(ends: Ends) -> Numbers:
    """The strongly connected component of each asset, in no order."""
    _, labels = csgraph().connected_components(ends.matrix(), directed=True, connection="strong")
    return np.asarray(labels, dtype=np.int64)


def weak(ends: Ends) -> Numbers:
    """The component of each asset, whichever way the edges lead, in no order."""
    _, labels = csgraph().connected_components(ends.matrix(), directed=True, connection="weak")
    return np.asarray(labels, dtype=np.int64)


def contracted(ends: Ends) -> Contracted:
    """The graph with its loops contracted."""
    labels = strong(ends)
    count = int(labels.max(initial=-1)) + 1
    starts, targets = _between(labels[ends.sources], labels[ends.targets], count)
    found = levels(starts, targets)
    place = np.empty(count, dtype=np.int64)
    place[np.concatenate(found) if found else np.empty(0, dtype=np.int64)] = np.arange(count)
    sources = np.repeat(place, np.diff(starts))
    starts, targets = _between(sources, place[targets], count)
    borders = np.cumsum([0, *(len(level) for level in found)])
    return Contracted(of=place[labels], starts=starts, targets=targets, levels=tuple(int(border) for border in borders))


def levels(starts: Numbers, targets: Numbers) -> list[Numbers]:
    """The nodes of a DAG by the length of the longest way to them from a node without sources (Kahn 1962).

    A node of a loop, or behind one, is in no level.
    """
    waiting = np.bincount(targets, minlength=len(starts) - 1)
    level = np.flatnonzero(waiting == 0)
    found: list[Numbers] = []
    while level.size:
        found.append(level)
        reached, times = np.unique(rows(starts, targets, level)[0], return_counts=True)
        waiting[reached] -= times
        level = reached[waiting[reached] == 0]
    return found


def _between(sources: Numbers, targets: Numbers, count: int) -> tuple[Numbers, Numbers]:
    """CSR of the edges between different components, each pair once."""
    apart = sources != targets
    pairs = np.sort(sources[apart] * count + targets[apart])
    pairs = pairs[np.diff(pairs, prepend=-1) != 0]  # np.unique, which hashes them, takes ten times as long
    starts = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(pairs // max(count, 1), minlength=count), out=starts[1:])
    return starts, pairs % max(count, 1)

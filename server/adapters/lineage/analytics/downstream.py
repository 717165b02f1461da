"""How many assets lie downstream of each: exact, from the sinks up, a block of assets as bits at a time."""

import numpy as np
import numpy.typing as npt

from server.adapters.lineage.analytics.components import Contracted, contracted
from server.adapters.lineage.analytics.edges import Numbers, ends
from server.adapters.lineage.graph import Compact

MEMORY = 64 * 2**20  # bytes of bits at a time
WIDEST = 32  # words of a row: wider rows fall out of the processor's caches


def downstream_counts(graph: Compact) -> tuple[Numbers, npt.NDArray[np.float64]]:
    """The assets with an edge, and of each how many distinct others it leads to."""
    each = ends(graph)
    dag = contracted(each)
    words = max(1, min(WIDEST, MEMORY // (8 * dag.count)))
    bits = np.empty((dag.count, words), dtype=np.uint64)
    found = np.zeros(dag.count, dtype=np.int64)
    order = np.argsort(dag.of, kind="stable")  # assets of one level share blocks, and whatever leads to them
    for start in range(0, len(order), 64 * words):
        _add(dag, dag.of[order[start : start + 64 * words]], bits, found)
    return each.assets, (found[dag.of] - 1).astype(np.float64)  # each counted itself


def _add(dag: Contracted, block: Numbers, bits: npt.NDArray[np.uint64], found: Numbers) -> None:
    """Add to `found` how many assets of the block, given by their components, each component leads to."""
    bits.fill(0)
    reaches = np.zeros(dag.count, dtype=bool)
    reaches[block] = True
    place = np.arange(len(block), dtype=np.uint64)
    np.bitwise_or.at(bits, (block, (place >> np.uint64(6)).astype(np.int64)), np.uint64(1) << (place & np.uint64(63)))
    top = int(np.searchsorted(dag.levels, block.max(), side="right")) - 1
    for level in range(top - 1, -1, -1):
        begin, end = int(dag.starts[dag.levels[level]]), int(dag.starts[dag.levels[level + 1]])
        wanted = np.flatnonzero(reaches[dag.targets[begin:end]]) + begin
        if not wanted.size:
            continue
        sources = np.searchsorted(dag.starts, wanted, side="right") - 1
        first = np.flatnonzero(np.diff(sources, prepend=-1))
        parents = sources[first]
        bits[parents] |= np.bitwise_or.reduceat(bits[dag.targets[wanted]], first, axis=0)
        reaches[parents] = True
    some = np.flatnonzero(reaches)
    found[some] += np.bitwise_count(bits[some]).sum(axis=1, dtype=np.int64)

"""The edges of a compact graph as arrays, and the assets that have any."""

from typing import Any

import numpy as np
import numpy.typing as npt

from server.adapters.lineage.graph import Compact
from server.adapters.lineage.on_demand import sparse
from server.kernel.record import record

Numbers = npt.NDArray[np.int64]


@record
class Ends:
    """Both ends of each edge, row by row, with the assets renumbered 0, 1, 2 … in order of their numbers.

    `assets`: the number in the compact graph of each asset that has an edge, ascending.
    """

    assets: Numbers
    sources: Numbers
    targets: Numbers

    def matrix(self) -> Any:  # scipy's csr_array
        """The graph of these assets, every edge a one."""
        return self.weighted(np.ones(len(self.sources)))

    def weighted(self, weights: npt.NDArray[np.float64]) -> Any:  # scipy's csr_array
        """The graph of these assets with a weight for each edge."""
        count = len(self.assets)
        return sparse().coo_array((weights, (self.sources, self.targets)), shape=(count, count)).tocsr()


def ends(graph: Compact) -> Ends:
    """The edges of the graph."""
    sources = np.repeat(np.arange(graph.n, dtype=np.int64), np.diff(graph.indptr))
    targets = graph.indices.astype(np.int64)
    mentioned = np.zeros(graph.n, dtype=bool)
    mentioned[sources] = True
    mentioned[targets] = True
    place = np.cumsum(mentioned, dtype=np.int64) - 1
    return Ends(assets=np.flatnonzero(mentioned), sources=place[sources], targets=place[targets])


def rows(starts: Numbers, indices: Numbers, some: Numbers) -> tuple[Numbers, Numbers]:
    """What the rows `some` of a CSR hold, one after another, and how much each of them holds."""
    begins = starts[some]
    sizes = starts[some + 1] - begins
    offsets = np.cumsum(sizes) - sizes
    return indices[np.repeat(begins - offsets, sizes) + np.arange(int(sizes.sum()))], sizes

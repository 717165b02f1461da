"""What the lineage engine answers: assets by distance, paths, and the graph as arrays."""

from collections.abc import Sequence
from enum import Enum

import numpy as np
import numpy.typing as npt

from server.kernel.record import record


class Way(Enum):
    """DOWN: from an asset to what it feeds; UP: to what feeds it."""

    DOWN = "down"
    UP = "up"


@record
class Reach:
    """The assets that a walk found, nearest first (depth, then number), without the root.

    `depths`: fewest edges; `confidences`: best product over all chains; `beyond`: more lies behind the asked hops.
    """

    numbers: Sequence[int]
    depths: Sequence[int]
    confidences: Sequence[float]
    beyond: bool


@record
class Path:
    """A simple path from a source to a target, both included, and the product of its confidences."""

    numbers: tuple[int, ...]
    confidence: float


@record
class Compact:
    """The graph as compressed rows: row u holds the targets of u, with kind and confidence beside them; n rows."""

    indptr: npt.NDArray[np.int32]
    indices: npt.NDArray[np.int32]
    kind: npt.NDArray[np.int8]
    confidence: npt.NDArray[np.float64]
    n: int

"""A tale of everything that can happen in a mesh."""

from dataclasses import dataclass, field
from typing import Any

from server.adapters.store.append import NewEvent
from server.kernel.ids import Urn
from tests.mesh.history.batch_moves import BatchMoves
from tests.mesh.history.lake_moves import LakeMoves
from tests.mesh.history.lineage_moves import LineageMoves
from tests.mesh.history.mesh_moves import MeshMoves
from tests.mesh.history.tale import Tale, told


@dataclass
class Whole:
    """The appends, and what the aggregates and the edges came to after each of them."""

    tale: Tale
    appends: list[tuple[NewEvent, ...]] = field(default_factory=list)
    after: dict[int, tuple[dict[Urn, Any], set[tuple[Urn, Urn]]]] = field(default_factory=dict)


def whole(seed: int, events: int, *, datasets: int = 12, batches: int = 40) -> Whole:
    """A tale of at least so many events. `after`: what stands, by the position of an append's last event."""
    tale = Tale(seed)
    lineage = LineageMoves(tale)
    mesh = MeshMoves(tale, lineage, datasets=datasets)
    moves = [*mesh.moves, *lineage.moves, *BatchMoves(tale, batches=batches).moves, *LakeMoves(tale).moves]
    found = Whole(tale)
    position = 0
    while position < events:
        for append in told(tale, moves, 1):
            position += len(append)
            found.appends.append(append)
            found.after[position] = (dict(tale.streams), set(lineage.edges))
    return found

"""What can be asked of declared lineage, each command with the facts of the graph that it rests on."""

from typing import Any, TypeAlias

from server.kernel.ids import Urn
from server.kernel.lineage import LineageType
from server.kernel.record import record
from server.mesh.lineage.facts import ColumnLink, Introduced


@record
class Terms:
    """What is said of an edge."""

    transformation: str = ""
    lineage_type: LineageType = LineageType.DIRECT
    confidence: float = 1.0
    metadata: dict[str, Any]  # any JSON
    columns: tuple[ColumnLink, ...] = ()
    columns_unknown: str | None = None


@record
class RegisterLineage:
    """Say that the target is made of the source.

    `standing`: what the edge says now, if it stands; `loop`: the shortest way back from the target to the source;
    `edges` stand now, `most` are allowed.
    """

    source: Urn
    target: Urn
    terms: Terms
    introduced: tuple[Introduced, ...]
    allow_cycle: bool
    standing: Terms | None
    loop: tuple[Urn, ...]
    edges: int
    most: int


@record
class RemoveLineage:
    """Take the edge back, which stands now or does not."""

    source: Urn
    target: Urn
    reason: str | None
    standing: bool


Command: TypeAlias = RegisterLineage | RemoveLineage

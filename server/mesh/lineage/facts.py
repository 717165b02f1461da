"""What can happen to declared lineage: an edge is registered, again for a change, and removed."""

from typing import Any, TypeAlias

from server.kernel.ids import Urn
from server.kernel.lineage import ExternalKind, LineageType
from server.kernel.record import record

STREAM = Urn("lineage:declared")


@record
class ColumnLink:
    """A column of the target and what it is made of.

    `indirect`: columns that decide which rows count, or how they are grouped and ordered.
    """

    target: str
    sources: tuple[str, ...]
    indirect: tuple[str, ...] = ()


@record
class Introduced:
    """An external asset that this event mentions first."""

    asset: Urn
    kind: ExternalKind


@record
class LineageRegistered:
    """The target is made of the source. `again`: the edge stood, and this changes it. `loop`: from the source to it."""

    source: Urn
    target: Urn
    again: bool
    transformation: str
    lineage_type: LineageType
    confidence: float
    metadata: dict[str, Any]  # any JSON
    columns: tuple[ColumnLink, ...]
    columns_unknown: str | None
    externals: tuple[Introduced, ...]
    loop: tuple[Urn, ...]


@record
class LineageRemoved:
    """The target is no longer made of the source."""

    source: Urn
    target: Urn
    reason: str | None


Event: TypeAlias = LineageRegistered | LineageRemoved


def edge_urn(source: str, target: str) -> Urn:
    """An edge's URN: no asset's URN holds a '>'."""
    return Urn(f"lineage:{source}>{target}")

"""Lineage events as changes of the read tables."""

from collections.abc import Sequence
from typing import Any, assert_never

from pydantic import TypeAdapter

from server.adapters.store.intervals import Change, Close, Open, Write
from server.kernel.external import parse_external
from server.kernel.lineage import TYPES
from server.kernel.recorded import Recorded
from server.mesh.lineage.commands import Terms
from server.mesh.lineage.facts import ColumnLink, Event, Introduced, LineageRegistered, LineageRemoved, edge_urn
from server.mesh.lineage.tables import ExternalRow, LineageRow

COLUMNS = TypeAdapter(tuple[ColumnLink, ...])
TABLES = (LineageRow, ExternalRow)


def project(recorded: Recorded[Event]) -> Sequence[Write]:
    """What the event changes."""
    event = recorded.event
    match event:
        case LineageRegistered():
            return [*(external(recorded, one) for one in event.externals), registered(recorded, event)]
        case LineageRemoved(source=source, target=target):
            return [Close(table=LineageRow, id=edge_urn(source, target))]
        case _:
            assert_never(event)


def registered(recorded: Recorded[Event], event: LineageRegistered) -> Write:
    """The edge as the event says it; one that stood keeps its place."""
    edge = edge_urn(event.source, event.target)
    said = {
        "kind": TYPES.index(event.lineage_type),
        "confidence": event.confidence,
        "transformation": event.transformation,
        "metadata": event.metadata,
        "columns": COLUMNS.dump_python(event.columns, mode="json"),
        "columns_unknown": event.columns_unknown,
        "registered_at": recorded.recorded_at,
    }
    if event.again:
        return Change(table=LineageRow, id=edge, values=said)
    first: dict[str, Any] = {
        "source": event.source,
        "target": event.target,
        "closes_loop": bool(event.loop),
        "position": recorded.position,
    }
    return Open(table=LineageRow, id=edge, values=first | said)


def external(recorded: Recorded[Event], introduced: Introduced) -> Open:
    """An external asset, mentioned for the first time; it never ends."""
    asset = parse_external(introduced.asset, field="asset")
    values = {
        "namespace": asset.namespace,
        "name": asset.name,
        "kind": introduced.kind.value,
        "folded": asset.folded,
        "created_at": recorded.recorded_at,
    }
    return Open(table=ExternalRow, id=introduced.asset, values=values)


def terms_of(row: LineageRow) -> Terms:
    """What a stored edge says."""
    return Terms(
        transformation=row.transformation,
        lineage_type=TYPES[row.kind],
        confidence=row.confidence,
        metadata=row.details,
        columns=COLUMNS.validate_python(row.columns),
        columns_unknown=row.columns_unknown,
    )

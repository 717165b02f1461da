"""Events of lakes as changes of the read tables: the lake's own, and what a lake says of its datasets."""

from collections.abc import Sequence
from typing import Any, assert_never

from server.adapters.store.intervals import Change, Open, Write
from server.kernel.ids import name_of
from server.kernel.recorded import Recorded
from server.mesh.dataset.tables import DatasetRow
from server.mesh.lake.facts import DataLakeCreated, DatasetIngested, LakeEvent
from server.mesh.lake.tables import LakeRow

TABLES = (LakeRow,)
BEFORE_ID = "\x01"  # sorts before whatever a longer name goes on with


def project(recorded: Recorded[LakeEvent]) -> Sequence[Write]:
    """What the event changes."""
    event = recorded.event
    match event:
        case DataLakeCreated():
            return [Open(table=LakeRow, id=recorded.stream, values=created(recorded, event))]
        case DatasetIngested(dataset=dataset):
            return [moved(recorded), Change(table=DatasetRow, id=dataset, values=ingested(recorded, event))]
        case _:
            assert_never(event)


def created(recorded: Recorded[LakeEvent], event: DataLakeCreated) -> dict[str, Any]:  # a column's Python value
    """The columns of a new lake."""
    lake_id = name_of(event.lake)
    return {
        "lake_id": lake_id,
        "name": event.name,
        "listed": f"{event.name}{BEFORE_ID}{lake_id}",
        "owner": event.owner,
        "region": event.region,
        "compliance_level": event.compliance_level.value,
        "revision": recorded.version,
        "position": recorded.position,
        "created_at": recorded.recorded_at,
    }


def ingested(recorded: Recorded[LakeEvent], event: DatasetIngested) -> dict[str, Any]:  # a column's Python value
    """The columns of a dataset in the lake; what was not said stays."""
    said = {} if event.contains_pii is None else {"contains_pii": event.contains_pii}
    encrypted = {"encryption_enabled": True} if event.encryption_enabled else {}
    return {"lake": event.lake, "updated_at": recorded.recorded_at, **said, **encrypted}


def moved(recorded: Recorded[Any]) -> Change:  # of any event of a lake's stream but audited accesses
    """The lake at its new revision."""
    return Change(table=LakeRow, id=recorded.stream, values={"revision": recorded.version})

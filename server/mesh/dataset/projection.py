"""Dataset events as changes of the read tables."""

from collections.abc import Sequence
from typing import assert_never

from pydantic import TypeAdapter

from server.adapters.store.intervals import Change, Open, Write
from server.kernel.fields import Field
from server.kernel.recorded import Recorded
from server.mesh.dataset.domain import DatasetRegistered, Event, ReplayCompleted, ReplayRequested
from server.mesh.dataset.tables import DatasetRow, SchemaVersionRow

FIELDS = TypeAdapter(tuple[Field, ...])
TABLES = (DatasetRow, SchemaVersionRow)


def project(recorded: Recorded[Event]) -> Sequence[Write]:
    """What the event changes."""
    event = recorded.event
    match event:
        case DatasetRegistered():
            return registered(recorded, event)
        case ReplayRequested(run=run):
            return [moved(recorded, run)]
        case ReplayCompleted():
            return [moved(recorded, None)]
        case _:
            assert_never(event)


def registered(recorded: Recorded[Event], event: DatasetRegistered) -> Sequence[Write]:
    """A dataset and the first version of its schema."""
    fields = FIELDS.dump_python(event.fields, mode="json")
    dataset = Open(
        table=DatasetRow,
        id=recorded.stream,
        values={
            "name": event.name,
            "revision": recorded.version,
            "fields": fields,
            "schema_version": 1,
            "contains_pii": event.contains_pii,
            "encryption_enabled": event.encryption_enabled,
            "replay": None,
            "created_at": recorded.recorded_at,
            "updated_at": recorded.recorded_at,
        },
    )
    version = Open(
        table=SchemaVersionRow,
        id=f"{recorded.stream}#1",
        values={
            "dataset": recorded.stream,
            "version": 1,
            "fields": fields,
            "compatibility": "NONE",
            "position": recorded.position,
            "registered_at": recorded.recorded_at,
        },
    )
    return [dataset, version]


def moved(recorded: Recorded[Event], replay: str | None) -> Change:
    """The dataset at its new revision, with the replay that is under way."""
    return Change(
        table=DatasetRow,
        id=recorded.stream,
        values={"revision": recorded.version, "replay": replay, "updated_at": recorded.recorded_at},
    )

"""Dataset events as changes of the read tables."""

from collections.abc import Sequence
from typing import assert_never

from server.adapters.store.intervals import Change, Open, Write
from server.adapters.store.schema_column import stored_fields
from server.kernel.compatibility_rules import Compatibility
from server.kernel.fields import Field
from server.kernel.recorded import Recorded
from server.mesh.dataset.domain import DatasetRegistered, DatasetSchemaEvolved, Event, ReplayCompleted, ReplayRequested
from server.mesh.dataset.tables import DatasetRow, SchemaVersionRow

TABLES = (DatasetRow, SchemaVersionRow)


def project(recorded: Recorded[Event]) -> Sequence[Write]:
    """What the event changes."""
    event = recorded.event
    match event:
        case DatasetRegistered():
            return registered(recorded, event)
        case DatasetSchemaEvolved():
            return evolved(recorded, event)
        case ReplayRequested(run=run):
            return [moved(recorded, run)]
        case ReplayCompleted():
            return [moved(recorded, None)]
        case _:
            assert_never(event)


def registered(recorded: Recorded[Event], event: DatasetRegistered) -> Sequence[Write]:
    """A dataset and the first version of its schema."""
    fields = stored_fields(event.fields)
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
            "product": event.product,
            "domain": event.domain,
            "lake": None,
            "replay": None,
            "created_at": recorded.recorded_at,
            "updated_at": recorded.recorded_at,
        },
    )
    return [dataset, version_row(recorded, 1, event.fields, Compatibility.NONE)]


def evolved(recorded: Recorded[Event], event: DatasetSchemaEvolved) -> Sequence[Write]:
    """The dataset with another schema, and the version. A field marked pii makes the dataset personal for good."""
    personal = {"contains_pii": True} if any(field.pii for field in event.fields) else {}
    dataset = Change(
        table=DatasetRow,
        id=recorded.stream,
        values={
            "revision": recorded.version,
            "fields": stored_fields(event.fields),
            "schema_version": event.schema_version,
            "updated_at": recorded.recorded_at,
        }
        | personal,
    )
    return [dataset, version_row(recorded, event.schema_version, event.fields, event.compatibility)]


def version_row(
    recorded: Recorded[Event], version: int, fields: tuple[Field, ...], compatibility: Compatibility
) -> Open:
    """A version of the schema: none is ever closed, for batches name the one that they were written under."""
    return Open(
        table=SchemaVersionRow,
        id=f"{recorded.stream}#{version}",
        values={
            "dataset": recorded.stream,
            "version": version,
            "fields": stored_fields(fields),
            "compatibility": compatibility.value,
            "position": recorded.position,
            "registered_at": recorded.recorded_at,
        },
    )


def moved(recorded: Recorded[Event], replay: str | None) -> Change:
    """The dataset at its new revision, with the replay that is under way."""
    return Change(
        table=DatasetRow,
        id=recorded.stream,
        values={"revision": recorded.version, "replay": replay, "updated_at": recorded.recorded_at},
    )

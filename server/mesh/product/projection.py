"""Events of data products as changes of the read tables, those of the datasets that a deletion leaves among them."""

from collections.abc import Sequence
from typing import Any, assert_never

from server.adapters.store.intervals import Change, Close, Open, Write
from server.adapters.store.schema_column import stored_fields
from server.kernel.recorded import Recorded
from server.mesh.dataset.tables import DatasetRow
from server.mesh.product.facts import (
    DataProductActivated,
    DataProductDeactivated,
    DataProductDeleted,
    DataProductDeprecated,
    DataProductRegistered,
    DataProductUpdated,
    Event,
)
from server.mesh.product.state import STATUS_OF
from server.mesh.product.tables import ProductRow

TABLES = (ProductRow,)


def project(recorded: Recorded[Event]) -> Sequence[Write]:
    """What the event changes."""
    event = recorded.event
    match event:
        case DataProductRegistered():
            values = {
                "name": event.name,
                "domain": event.domain,
                "status": event.status.value,
                "created_at": recorded.recorded_at,
                "created_position": recorded.position,
                **terms(event),
                **moved(recorded),
            }
            return [Open(table=ProductRow, id=recorded.stream, values=values)]
        case DataProductUpdated():
            return [Change(table=ProductRow, id=recorded.stream, values=terms(event) | moved(recorded))]
        case DataProductActivated() | DataProductDeprecated() | DataProductDeactivated():
            values = {"status": STATUS_OF[type(event)].value, **moved(recorded)}
            return [Change(table=ProductRow, id=recorded.stream, values=values)]
        case DataProductDeleted(datasets=datasets):
            left = {"product": None, "updated_at": recorded.recorded_at}
            return [
                Close(table=ProductRow, id=recorded.stream),
                *(Change(table=DatasetRow, id=dataset, values=left) for dataset in datasets),
            ]
        case _:
            assert_never(event)


def terms(event: DataProductRegistered | DataProductUpdated) -> dict[str, Any]:  # a column's Python value
    """The columns that follow the terms."""
    return {
        "owner": event.owner,
        "description": event.description,
        "fields": stored_fields(event.fields),
        "tags": list(event.tags),
        "version": event.version,
    }


def moved(recorded: Recorded[Event]) -> dict[str, Any]:  # a column's Python value
    """The columns that every event moves."""
    return {
        "revision": recorded.version,
        "updated_at": recorded.recorded_at,
        "updated_position": recorded.position,
    }

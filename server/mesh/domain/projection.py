"""Domain events as changes of the read table."""

from collections.abc import Sequence
from typing import assert_never

from server.adapters.store.intervals import Change, Open, Write
from server.kernel.recorded import Recorded
from server.mesh.domain.domain import DomainCreated, DomainUpdated, Event
from server.mesh.domain.tables import DomainRow

TABLES = (DomainRow,)


def project(recorded: Recorded[Event]) -> Sequence[Write]:
    """What the event changes."""
    event = recorded.event
    said = {
        "revision": recorded.version,
        "owner": event.owner,
        "description": event.description,
        "updated_at": recorded.recorded_at,
    }
    match event:
        case DomainCreated(name=name):
            values = {"name": name, "created_at": recorded.recorded_at, **said}
            return [Open(table=DomainRow, id=recorded.stream, values=values)]
        case DomainUpdated():
            return [Change(table=DomainRow, id=recorded.stream, values=said)]
        case _:
            assert_never(event)

"""Access events as rows of the access log."""

from collections.abc import Sequence
from typing import TypeAlias

from server.adapters.store.intervals import Change, Open, Write
from server.kernel.ids import Kind, urn
from server.kernel.recorded import Recorded
from server.mesh.audit.tables import AccessRecordRow
from server.mesh.dataset.tables import DatasetRow
from server.mesh.lake.facts import AccessAudited

TABLES = (AccessRecordRow,)

Event: TypeAlias = AccessAudited


def project(recorded: Recorded[Event]) -> Sequence[Write]:
    """The record; and the dataset's revision where the event stands on the dataset's stream."""
    event = recorded.event
    opened = Open(
        table=AccessRecordRow,
        id=urn(Kind.EVENT, str(recorded.position)),
        values={
            "position": recorded.position,
            "lake": event.lake,
            "accessor": event.accessor,
            "dataset": event.dataset,
            "action": event.action,
            "purpose": event.purpose,
            "at": recorded.recorded_at,
        },
    )
    if event.lake is not None:
        return [opened]
    return [opened, Change(table=DatasetRow, id=event.dataset, values={"revision": recorded.version})]

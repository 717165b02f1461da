"""Events of erasure requests as changes of their read table."""

from collections.abc import Sequence
from typing import assert_never

from server.adapters.store.intervals import Change, Open, Write
from server.kernel.recorded import Recorded
from server.mesh.deletion.tables import DeletionRow
from server.mesh.lake.deletion_rules import WITHIN
from server.mesh.lake.facts import (
    DeletionDeadlineNear,
    DeletionEvent,
    DeletionOverdue,
    GDPRDeletionCompleted,
    GDPRDeletionHeld,
    GDPRDeletionRejected,
    GDPRDeletionReleased,
    GDPRDeletionRequested,
    SubjectReappeared,
)
from server.mesh.lake.projection import moved
from server.mesh.lake.state import DeletionStatus

TABLES = (DeletionRow,)


def project(recorded: Recorded[DeletionEvent]) -> Sequence[Write]:
    """What the event changes: the request, and the revision of its lake."""
    return [moved(recorded), *_request(recorded)]


def _request(recorded: Recorded[DeletionEvent]) -> Sequence[Write]:
    event = recorded.event
    match event:
        case GDPRDeletionRequested():
            return [_opened(recorded.position, event)]
        case GDPRDeletionHeld():
            return [Change(table=DeletionRow, id=event.deletion, values={"held": True})]
        case GDPRDeletionReleased():
            return [Change(table=DeletionRow, id=event.deletion, values={"held": False})]
        case GDPRDeletionRejected():
            return [Change(table=DeletionRow, id=event.deletion, values={"ended": DeletionStatus.REJECTED.value})]
        case DeletionDeadlineNear():
            return [Change(table=DeletionRow, id=event.deletion, values={"warned": event.days_left})]
        case DeletionOverdue():
            return [Change(table=DeletionRow, id=event.deletion, values={"overdue": True})]
        case GDPRDeletionCompleted():
            values = {
                "ended": DeletionStatus.COMPLETED.value,
                "completed_at": recorded.recorded_at,
                "completed_position": recorded.position,
                "erased": [{"batch": one.batch, "layer": one.layer.value, "rows": one.rows} for one in event.erased],
                "unreached": list(event.unreached),
                "objects_deleted": event.objects_deleted,
            }
            return [Change(table=DeletionRow, id=event.deletion, values=values)]
        case SubjectReappeared():
            return []  # the request stays what it is
        case _:
            assert_never(event)


def _opened(position: int, event: GDPRDeletionRequested) -> Open:
    values = {
        "lake": event.lake,
        "subject_digest": event.subject_digest,
        "subject_encrypted": event.subject_encrypted,
        "reason": event.reason,
        "requested_by": event.requested_by,
        "requested_at": event.deadline - WITHIN,
        "deadline": event.deadline,
        "position": position,
        "held": False,
        "overdue": False,
        "warned": None,
        "ended": None,
        "completed_at": None,
        "completed_position": None,
        "erased": None,
        "unreached": None,
        "objects_deleted": None,
    }
    return Open(table=DeletionRow, id=event.deletion, values=values)

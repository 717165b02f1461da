"""The rules of erasure requests: who may ask, what may follow what, and what is to be told of deadlines."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import assert_never

from server.kernel.errors import NotFound, PreconditionFailed
from server.kernel.ids import Urn, name_of
from server.mesh.lake.commands import (
    CompleteDeletion,
    DeletionCommand,
    HoldDeletion,
    MarkOverdue,
    RejectDeletion,
    ReleaseDeletion,
    ReportReappearance,
    RequestDeletion,
    WarnOfDeadline,
)
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
from server.mesh.lake.state import DataLake, Deletion, DeletionStatus, State, existing

WITHIN = timedelta(days=30)  # GDPR, article 12(3): one month
WARNINGS = (7, 1)  # days before the deadline, the farthest first

DUE = (DeletionStatus.PENDING, DeletionStatus.OVERDUE)
OPEN = (*DUE, DeletionStatus.HELD)
_NEXT = {
    DeletionStatus.PENDING: "it can be processed, held or rejected",
    DeletionStatus.OVERDUE: "it can be processed, held or rejected",
    DeletionStatus.HELD: "release it with releaseGdprDeletion, or reject it",
    DeletionStatus.REJECTED: "ask anew with requestGdprDeletion",
    DeletionStatus.COMPLETED: "if rows came back, ask anew with requestGdprDeletion",
}


def decide_deletion(command: DeletionCommand, state: State) -> Sequence[DeletionEvent]:
    """What the command records. Raises: NotFound, PreconditionFailed."""
    match command:
        case RequestDeletion():
            return [_requested(command, state)]
        case HoldDeletion(deletion=deletion, reason=reason):
            _in_state(deletion, state, DUE, "held")
            return [GDPRDeletionHeld(deletion=deletion, reason=reason)]
        case ReleaseDeletion(deletion=deletion, reason=reason):
            _in_state(deletion, state, (DeletionStatus.HELD,), "released")
            return [GDPRDeletionReleased(deletion=deletion, reason=reason)]
        case RejectDeletion(deletion=deletion, reason=reason):
            _in_state(deletion, state, OPEN, "rejected")
            return [GDPRDeletionRejected(deletion=deletion, reason=reason)]
        case WarnOfDeadline() | MarkOverdue():
            return _told(command, state)
        case CompleteDeletion():
            return [_completed(command, state)]
        case ReportReappearance():
            return _reappeared(command, state)
        case _:
            assert_never(command)


def check_processable(deletion: Urn, state: State) -> Deletion:
    """The request, if its erasure may go on now. Raises: NotFound, PreconditionFailed."""
    return _in_state(deletion, state, DUE, "processed")


def due(lake: DataLake, at: datetime) -> Iterator[WarnOfDeadline | MarkOverdue]:
    """What is to be told of deadlines at an instant: of each request the nearest only, and nothing twice."""
    for deletion, known in lake.deletions.items():
        if known.status is not DeletionStatus.PENDING:
            continue
        if at >= known.deadline:
            yield MarkOverdue(deletion=deletion)
            continue
        reached = [days for days in WARNINGS if at >= known.deadline - timedelta(days=days)]
        if reached and reached[-1] < min(known.warned, default=WARNINGS[0] + 1):
            yield WarnOfDeadline(deletion=deletion, days_left=reached[-1])


def _requested(command: RequestDeletion, state: State) -> GDPRDeletionRequested:
    lake = existing(command.lake, state)
    if not lake.level.guards_subjects:
        raise PreconditionFailed(
            f"data lake {name_of(lake.lake)!r} is {lake.level.value} and takes no erasure requests; ask in a lake that"
            " is GDPR or STRICT",
            field="lake",
        )
    for deletion, known in lake.deletions.items():
        if known.digest == command.subject_digest and known.is_open:
            raise PreconditionFailed(
                f"{deletion!r} asks for the erasure of the same subject and is {known.status.value};"
                f" {_NEXT[known.status]}",
                field="subjectId",
                deletion=deletion,
            )
    return GDPRDeletionRequested(
        deletion=command.deletion,
        lake=command.lake,
        subject_digest=command.subject_digest,
        subject_encrypted=command.subject_encrypted,
        reason=command.reason,
        requested_by=command.requested_by,
        deadline=command.deadline,
    )


def _told(command: WarnOfDeadline | MarkOverdue, state: State) -> Sequence[DeletionDeadlineNear | DeletionOverdue]:
    known = _known(command.deletion, state)
    if known.status is not DeletionStatus.PENDING:
        return []
    match command:
        case MarkOverdue(deletion=deletion):
            return [DeletionOverdue(deletion=deletion)]
        case WarnOfDeadline(deletion=deletion, days_left=days):
            told = any(before <= days for before in known.warned)
            return [] if told else [DeletionDeadlineNear(deletion=deletion, days_left=days)]
        case _:
            assert_never(command)


def _completed(command: CompleteDeletion, state: State) -> GDPRDeletionCompleted:
    check_processable(command.deletion, state)
    return GDPRDeletionCompleted(
        deletion=command.deletion,
        erased=command.erased,
        unreached=command.unreached,
        objects_deleted=command.objects_deleted,
    )


def _reappeared(command: ReportReappearance, state: State) -> Sequence[SubjectReappeared]:
    """Once for each batch; of nobody whose request was rejected."""
    known = _known(command.deletion, state)
    if known.status is DeletionStatus.REJECTED or command.batch in known.reappeared:
        return []
    return [
        SubjectReappeared(deletion=command.deletion, dataset=command.dataset, batch=command.batch, rows=command.rows)
    ]


def _known(deletion: Urn, state: State) -> Deletion:
    known = None if state is None else state.deletions.get(deletion)
    if known is None:
        raise unknown_deletion(deletion)
    return known


def unknown_deletion(deletion: Urn) -> NotFound:
    """The refusal for a request that is not there."""
    return NotFound(f"{deletion[:140]!r} is not known; take an id that requestGdprDeletion answered", field="deletion")


def _in_state(deletion: Urn, state: State, states: Sequence[DeletionStatus], done: str) -> Deletion:
    known = _known(deletion, state)
    if known.status not in states:
        *others, last = (status.value for status in states)
        needed = f"{', '.join(others)} or {last}" if others else last
        raise PreconditionFailed(
            f"{deletion!r} is {known.status.value}, and only what is {needed} can be {done}; {_NEXT[known.status]}",
            field="deletion",
        )
    return known

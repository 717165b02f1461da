"""The rules of erasure requests: what may follow what."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from server.kernel.compliance import ComplianceLevel
from server.kernel.errors import NotFound, PreconditionFailed
from server.kernel.ids import Urn
from server.kernel.layer import Layer
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
from server.mesh.lake.deletion_rules import check_processable, due
from server.mesh.lake.domain import LAKE
from server.mesh.lake.facts import (
    DataLakeCreated,
    DeletionDeadlineNear,
    DeletionOverdue,
    ErasedRows,
    Event,
    GDPRDeletionCompleted,
    GDPRDeletionHeld,
    GDPRDeletionRejected,
    GDPRDeletionReleased,
    GDPRDeletionRequested,
    SubjectReappeared,
)
from server.mesh.lake.state import DataLake, DeletionStatus
from tests.given import given

EU, ONE, OTHER = Urn("lake:eu"), Urn("deletion:1"), Urn("deletion:2")
DEADLINE = datetime(2026, 3, 31, 12, tzinfo=UTC)
CREATED = DataLakeCreated(lake=EU, name="eu", owner="ann", region="eu-west", compliance_level=ComplianceLevel.GDPR)
REQUESTED = GDPRDeletionRequested(
    deletion=ONE,
    lake=EU,
    subject_digest="d1",
    subject_encrypted="e1",
    reason="by letter",
    requested_by="desk 4",
    deadline=DEADLINE,
)
REQUEST = RequestDeletion(
    deletion=ONE,
    lake=EU,
    subject_digest="d1",
    subject_encrypted="e1",
    reason="by letter",
    requested_by="desk 4",
    deadline=DEADLINE,
)
HELD = GDPRDeletionHeld(deletion=ONE, reason="court")
RELEASED = GDPRDeletionReleased(deletion=ONE, reason="over")
REJECTED = GDPRDeletionRejected(deletion=ONE, reason="unknown person")
OVERDUE = DeletionOverdue(deletion=ONE)
ERASED = (ErasedRows(batch=Urn("batch:b1"), layer=Layer.BRONZE, rows=3),)
COMPLETED = GDPRDeletionCompleted(deletion=ONE, erased=ERASED, unreached=("copies",), objects_deleted=4)
COMPLETE = CompleteDeletion(deletion=ONE, erased=ERASED, unreached=("copies",), objects_deleted=4)
NEAR = DeletionDeadlineNear(deletion=ONE, days_left=7)

HISTORIES: dict[DeletionStatus, tuple[Event, ...]] = {
    DeletionStatus.PENDING: (),
    DeletionStatus.OVERDUE: (OVERDUE,),
    DeletionStatus.HELD: (HELD,),
    DeletionStatus.REJECTED: (REJECTED,),
    DeletionStatus.COMPLETED: (COMPLETED,),
}
NEXT = {
    DeletionStatus.PENDING: "it can be processed, held or rejected",
    DeletionStatus.OVERDUE: "it can be processed, held or rejected",
    DeletionStatus.HELD: "release it with releaseGdprDeletion, or reject it",
    DeletionStatus.REJECTED: "ask anew with requestGdprDeletion",
    DeletionStatus.COMPLETED: "if rows came back, ask anew with requestGdprDeletion",
}
# What each command records, and in which states.
TABLE: list[tuple[DeletionCommand, Event, set[DeletionStatus], str]] = [
    (
        HoldDeletion(deletion=ONE, reason="court"),
        HELD,
        {DeletionStatus.PENDING, DeletionStatus.OVERDUE},
        "only what is PENDING or OVERDUE can be held",
    ),
    (
        ReleaseDeletion(deletion=ONE, reason="over"),
        RELEASED,
        {DeletionStatus.HELD},
        "only what is HELD can be released",
    ),
    (
        RejectDeletion(deletion=ONE, reason="unknown person"),
        REJECTED,
        {DeletionStatus.PENDING, DeletionStatus.OVERDUE, DeletionStatus.HELD},
        "only what is PENDING, OVERDUE or HELD can be rejected",
    ),
    (
        COMPLETE,
        COMPLETED,
        {DeletionStatus.PENDING, DeletionStatus.OVERDUE},
        "only what is PENDING or OVERDUE can be processed",
    ),
]


def lake(*events: Event) -> DataLake:
    state = given(LAKE, CREATED, *events).state
    assert state is not None
    return state


def test_a_request_is_recorded_whole() -> None:
    given(LAKE, CREATED).when(REQUEST).then(REQUESTED)
    strict = replace(CREATED, compliance_level=ComplianceLevel.STRICT)
    given(LAKE, strict).when(REQUEST).then(REQUESTED)


def test_refuses_a_request_in_a_standard_lake() -> None:
    standard = replace(CREATED, compliance_level=ComplianceLevel.STANDARD)
    saying = "data lake 'eu' is STANDARD and takes no erasure requests; ask in a lake that is GDPR or STRICT"
    given(LAKE, standard).when(REQUEST).refuses(PreconditionFailed, saying=saying, field="lake")


def test_refuses_a_request_in_a_lake_that_is_not_there() -> None:
    given(LAKE).when(REQUEST).refuses(NotFound, saying="data lake 'eu' is not known", field="lake")


@pytest.mark.parametrize("status", [DeletionStatus.PENDING, DeletionStatus.OVERDUE, DeletionStatus.HELD])
def test_refuses_the_same_subject_while_a_request_is_open(status: DeletionStatus) -> None:
    again = replace(REQUEST, deletion=OTHER)
    saying = f"'deletion:1' asks for the erasure of the same subject and is {status.value}; {NEXT[status]}"
    asked = given(LAKE, CREATED, REQUESTED, *HISTORIES[status]).when(again)
    asked.refuses(PreconditionFailed, saying=saying, field="subjectId", deletion=ONE)


@pytest.mark.parametrize("status", [DeletionStatus.REJECTED, DeletionStatus.COMPLETED])
def test_the_same_subject_may_ask_again_once_a_request_has_ended(status: DeletionStatus) -> None:
    again = replace(REQUEST, deletion=OTHER)
    given(LAKE, CREATED, REQUESTED, *HISTORIES[status]).when(again).then(replace(REQUESTED, deletion=OTHER))


def test_another_subject_may_ask_meanwhile() -> None:
    other = replace(REQUEST, deletion=OTHER, subject_digest="d2")
    given(LAKE, CREATED, REQUESTED).when(other).then(replace(REQUESTED, deletion=OTHER, subject_digest="d2"))


@pytest.mark.parametrize("status", list(DeletionStatus))
@pytest.mark.parametrize(("command", "event", "states", "only"), TABLE)
def test_each_step_goes_from_its_states_only(
    command: DeletionCommand, event: Event, states: set[DeletionStatus], only: str, status: DeletionStatus
) -> None:
    asked = given(LAKE, CREATED, REQUESTED, *HISTORIES[status]).when(command)
    if status in states:
        asked.then(event)
    else:
        saying = f"'deletion:1' is {status.value}, and {only}; {NEXT[status]}"
        asked.refuses(PreconditionFailed, saying=saying, field="deletion")


@pytest.mark.parametrize("command", [*(command for command, *_ in TABLE), MarkOverdue(deletion=ONE)])
def test_refuses_what_is_about_no_request(command: DeletionCommand) -> None:
    saying = "'deletion:1' is not known; take an id that requestGdprDeletion answered"
    given(LAKE, CREATED).when(command).refuses(NotFound, saying=saying, field="deletion")
    given(LAKE).when(command).refuses(NotFound, saying=saying, field="deletion")


def test_only_what_is_pending_or_overdue_may_be_processed() -> None:
    for status, history in HISTORIES.items():
        state = lake(REQUESTED, *history)
        if status in (DeletionStatus.PENDING, DeletionStatus.OVERDUE):
            assert check_processable(ONE, state).status is status
        else:
            with pytest.raises(PreconditionFailed, match="can be processed"):
                check_processable(ONE, state)


def test_a_hold_hides_that_the_deadline_is_over_and_its_end_shows_it_again() -> None:
    assert lake(REQUESTED, OVERDUE, HELD).deletions[ONE].status is DeletionStatus.HELD
    assert lake(REQUESTED, OVERDUE, HELD, RELEASED).deletions[ONE].status is DeletionStatus.OVERDUE
    assert lake(REQUESTED, HELD, RELEASED).deletions[ONE].status is DeletionStatus.PENDING


@pytest.mark.parametrize(
    ("before", "history", "expected"),
    [
        (timedelta(days=7, seconds=1), (), []),
        (timedelta(days=7), (), [WarnOfDeadline(deletion=ONE, days_left=7)]),
        (timedelta(days=7), (NEAR,), []),
        (timedelta(days=1, seconds=1), (NEAR,), []),
        (timedelta(days=1), (NEAR,), [WarnOfDeadline(deletion=ONE, days_left=1)]),
        (timedelta(hours=3), (), [WarnOfDeadline(deletion=ONE, days_left=1)]),
        (timedelta(hours=3), (DeletionDeadlineNear(deletion=ONE, days_left=1),), []),
        (timedelta(), (), [MarkOverdue(deletion=ONE)]),
        (timedelta(), (NEAR, DeletionDeadlineNear(deletion=ONE, days_left=1)), [MarkOverdue(deletion=ONE)]),
        (-timedelta(days=400), (OVERDUE,), []),
        (timedelta(), (HELD,), []),
        (timedelta(), (HELD, RELEASED), [MarkOverdue(deletion=ONE)]),
        (timedelta(hours=3), (NEAR, HELD, RELEASED), [WarnOfDeadline(deletion=ONE, days_left=1)]),
        (timedelta(), (REJECTED,), []),
        (timedelta(), (COMPLETED,), []),
    ],
)
def test_tells_the_nearest_deadline_once(
    before: timedelta, history: tuple[Event, ...], expected: list[DeletionCommand]
) -> None:
    assert list(due(lake(REQUESTED, *history), DEADLINE - before)) == expected


def test_a_deadline_is_told_once_however_often_it_is_asked() -> None:
    warn = WarnOfDeadline(deletion=ONE, days_left=7)
    given(LAKE, CREATED, REQUESTED).when(warn).then(NEAR)
    given(LAKE, CREATED, REQUESTED, NEAR).when(warn).then()
    given(LAKE, CREATED, REQUESTED, DeletionDeadlineNear(deletion=ONE, days_left=1)).when(warn).then()
    given(LAKE, CREATED, REQUESTED).when(MarkOverdue(deletion=ONE)).then(OVERDUE)
    for history in (OVERDUE, HELD, REJECTED, COMPLETED):
        given(LAKE, CREATED, REQUESTED, history).when(MarkOverdue(deletion=ONE)).then()
        given(LAKE, CREATED, REQUESTED, history).when(warn).then()


@pytest.mark.parametrize("status", list(DeletionStatus))
def test_a_subject_that_came_back_is_told_once_for_each_batch(status: DeletionStatus) -> None:
    dataset, batch = Urn("dataset:d"), Urn("batch:b1")
    report = ReportReappearance(deletion=ONE, dataset=dataset, batch=batch, rows=2)
    seen = SubjectReappeared(deletion=ONE, dataset=dataset, batch=batch, rows=2)
    history = (CREATED, REQUESTED, *HISTORIES[status])
    if status is DeletionStatus.REJECTED:
        given(LAKE, *history).when(report).then()
        return
    given(LAKE, *history).when(report).then(seen)
    given(LAKE, *history, seen).when(replace(report, rows=3)).then()
    later = replace(report, batch=Urn("batch:b2"))
    given(LAKE, *history, seen).when(later).then(replace(seen, batch=Urn("batch:b2")))

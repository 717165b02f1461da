"""The life of one erasure request against a model that is told in a few words: any order of steps, any clock."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from server.kernel.compliance import ComplianceLevel
from server.kernel.errors import PreconditionFailed
from server.kernel.ids import Urn
from server.kernel.recorded import Recorded
from server.mesh.deletion.projection import project
from server.mesh.deletion.tables import DeletionRow
from server.mesh.lake.commands import (
    Command,
    CompleteDeletion,
    HoldDeletion,
    RejectDeletion,
    ReleaseDeletion,
    RequestDeletion,
)
from server.mesh.lake.deletion_rules import due
from server.mesh.lake.domain import LAKE
from server.mesh.lake.facts import DataLakeCreated, DeletionDeadlineNear, DeletionOverdue, Event
from server.mesh.lake.state import DataLake, State

EU, ONE = Urn("lake:eu"), Urn("deletion:1")
START = datetime(2026, 1, 1, tzinfo=UTC)
DEADLINE = START + timedelta(days=30)


class Life(RuleBasedStateMachine):
    """One request: its events by the decider, its row by the projection, and what both must say."""

    def __init__(self) -> None:
        super().__init__()
        self.state: State = None
        self.history: list[Event] = []
        self.row: dict[str, object] = {}
        self.now = START
        self.held = self.overdue = False
        self.ended: str | None = None
        created = DataLakeCreated(lake=EU, name="eu", owner="ann", region="eu", compliance_level=ComplianceLevel.GDPR)
        self.take([created])
        request = RequestDeletion(
            deletion=ONE,
            lake=EU,
            subject_digest="d",
            subject_encrypted="e",
            reason="r",
            requested_by="b",
            deadline=DEADLINE,
        )
        self.take(LAKE.decide(request, self.state))

    def take(self, events: Sequence[Event]) -> None:
        for event in events:
            self.history.append(event)
            self.state = LAKE.evolve(self.state, event)
            if isinstance(event, DataLakeCreated):
                continue
            place = Recorded(
                position=len(self.history),
                stream=EU,
                version=len(self.history),
                event=event,
                actor="a",
                correlation_id="c",
                recorded_at=self.now,
            )
            for write in project(place):  # type: ignore[arg-type]  # of a request's events alone here
                if write.table is DeletionRow:
                    self.row |= write.values

    def step(self, command: Command, allowed: bool) -> bool:
        try:
            self.take(LAKE.decide(command, self.state))
        except PreconditionFailed:
            assert not allowed
            return False
        assert allowed
        return True

    @property
    def open(self) -> bool:
        return self.ended is None

    @rule(hours=st.integers(1, 24 * 12))
    def time_goes_by(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule()
    def hold(self) -> None:
        if self.step(HoldDeletion(deletion=ONE, reason="r"), self.open and not self.held):
            self.held = True

    @rule()
    def release(self) -> None:
        if self.step(ReleaseDeletion(deletion=ONE, reason="r"), self.open and self.held):
            self.held = False

    @precondition(lambda self: self.now > DEADLINE - timedelta(days=15))
    @rule()
    def reject(self) -> None:
        if self.step(RejectDeletion(deletion=ONE, reason="r"), self.open):
            self.ended = "REJECTED"

    @precondition(lambda self: self.now > DEADLINE - timedelta(days=15))
    @rule()
    def complete(self) -> None:
        command = CompleteDeletion(deletion=ONE, erased=(), unreached=(), objects_deleted=0)
        if self.step(command, self.open and not self.held):
            self.ended = "COMPLETED"

    @rule()
    def the_monitor_looks(self) -> None:
        assert isinstance(self.state, DataLake)
        before = len(self.history)
        for command in list(due(self.state, self.now)):
            self.take(LAKE.decide(command, self.state))
        told = self.history[before:]
        quiet = self.held or not self.open or self.overdue or self.now < DEADLINE - timedelta(days=7)
        assert len(told) <= (0 if quiet else 1)
        self.overdue |= self.open and not self.held and self.now >= DEADLINE
        assert list(due(self.state, self.now)) == []

    @invariant()
    def everybody_says_the_same(self) -> None:
        assert isinstance(self.state, DataLake)
        expected = self.ended or ("HELD" if self.held else "OVERDUE" if self.overdue else "PENDING")
        assert self.state.deletions[ONE].status.value == expected
        row = self.row
        assert (row["ended"], row["held"] and not self.ended, row["overdue"]) == (
            self.ended,
            self.held and not self.ended,
            self.overdue,
        )

    @invariant()
    def nothing_is_told_twice(self) -> None:
        days = [event.days_left for event in self.history if isinstance(event, DeletionDeadlineNear)]
        assert days in ([], [7], [1], [7, 1])
        assert sum(isinstance(event, DeletionOverdue) for event in self.history) == self.overdue


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)

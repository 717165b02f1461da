"""A lake's state from a snapshot and what came after it is that of all events, at every position."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from server.kernel.compliance import ComplianceLevel
from server.kernel.errors import Refused
from server.kernel.ids import Kind, Urn, urn
from server.kernel.layer import Layer
from server.mesh.lake.commands import (
    Command,
    CompleteDeletion,
    HoldDeletion,
    MarkOverdue,
    RejectDeletion,
    ReleaseDeletion,
    ReportReappearance,
    RequestDeletion,
    WarnOfDeadline,
)
from server.mesh.lake.domain import LAKE
from server.mesh.lake.facts import AccessAudited, ErasedRows, Event
from server.mesh.lake.state import State
from server.mesh.lake.stream import LAKES
from tests.mesh.lake.examples import CARTS, EU, USERS, audited, create, ingest

START = datetime(2026, 1, 1, tzinfo=UTC)
DELETIONS = st.sampled_from([urn(Kind.DELETION, f"00000000-0000-0000-0000-00000000000{n}") for n in range(4)])
BATCHES = st.sampled_from([Urn("batch:b1"), Urn("batch:b2")])
ERASED = st.builds(ErasedRows, batch=BATCHES, layer=st.sampled_from(Layer), rows=st.integers(0, 9))
REASON = st.sampled_from(["a case in court", "asked"])
COMMANDS: st.SearchStrategy[Command | AccessAudited] = st.one_of(
    st.builds(
        RequestDeletion,
        deletion=DELETIONS,
        lake=st.just(EU),
        subject_digest=st.sampled_from(["aa", "bb"]),
        subject_encrypted=st.just("AAAA"),
        reason=REASON,
        requested_by=st.just("ann"),
        deadline=st.integers(0, 60).map(lambda days: START + timedelta(days=days)),
    ),
    st.builds(HoldDeletion, deletion=DELETIONS, reason=REASON),
    st.builds(ReleaseDeletion, deletion=DELETIONS, reason=REASON),
    st.builds(RejectDeletion, deletion=DELETIONS, reason=REASON),
    st.builds(WarnOfDeadline, deletion=DELETIONS, days_left=st.sampled_from([7, 1])),
    st.builds(MarkOverdue, deletion=DELETIONS),
    st.builds(
        CompleteDeletion,
        deletion=DELETIONS,
        erased=st.lists(ERASED, max_size=2).map(tuple),
        unreached=st.just(()),
        objects_deleted=st.integers(0, 9),
    ),
    st.builds(ReportReappearance, deletion=DELETIONS, dataset=st.just(USERS), batch=BATCHES, rows=st.just(1)),
    st.builds(
        lambda dataset, count, pii: ingest(dataset=dataset, record_count=count, contains_pii=pii),
        st.sampled_from([USERS, CARTS]),
        st.integers(1, 9),
        st.sampled_from([True, None]),
    ),
    st.just(audited()),
)


def history_of(level: ComplianceLevel, commands: Sequence[Command | AccessAudited]) -> list[Event]:
    """The lake's creation and what these commands record that are not refused; an access is recorded as it is."""
    history: list[Event] = list(LAKE.decide(create(level), None))
    state = LAKE.fold(history, None)
    for command in commands:
        try:
            events = [command] if isinstance(command, AccessAudited) else LAKE.decide(command, state)
        except Refused:
            continue
        state = LAKE.fold(events, state)
        history += events
    return history


def kept(state: State) -> State:
    """The state as a snapshot gives it back."""
    return LAKES.state.validate_json(LAKES.state.dump_json(state))


def check_snapshots(history: Sequence[Event]) -> None:
    """From every version on, the state that a snapshot kept follows the events as the one that saw them all."""
    states = [LAKE.fold(history[:version], None) for version in range(len(history) + 1)]
    for version, state in enumerate(states):
        folded = kept(state)
        assert folded == state
        for event, after in zip(history[version:], states[version + 1 :], strict=True):
            folded = LAKE.evolve(folded, event)
            assert folded == after


@settings(max_examples=150, deadline=None)
@given(level=st.sampled_from(ComplianceLevel), commands=st.lists(COMMANDS, max_size=25))
def test_a_snapshot_at_any_version_and_the_events_after_it_give_what_all_events_give(
    level: ComplianceLevel, commands: list[Command | AccessAudited]
) -> None:
    check_snapshots(history_of(level, commands))


def test_so_does_a_history_with_every_kind_of_event() -> None:
    first, second = (urn(Kind.DELETION, f"00000000-0000-0000-0000-00000000000{n}") for n in (1, 2))
    history = history_of(
        ComplianceLevel.GDPR,
        [
            ingest(),
            requested(first, "aa"),
            WarnOfDeadline(deletion=first, days_left=7),
            HoldDeletion(deletion=first, reason="a case in court"),
            audited(),
            ReleaseDeletion(deletion=first, reason="it is over"),
            MarkOverdue(deletion=first),
            ReportReappearance(deletion=first, dataset=USERS, batch=Urn("batch:b1"), rows=1),
            CompleteDeletion(deletion=first, erased=(), unreached=(), objects_deleted=0),
            requested(second, "aa"),
            RejectDeletion(deletion=second, reason="asked"),
        ],
    )
    assert {type(event) for event in history} == set(get_args(Event))
    check_snapshots(history)


def requested(deletion: Urn, digest: str) -> RequestDeletion:
    return RequestDeletion(
        deletion=deletion,
        lake=EU,
        subject_digest=digest,
        subject_encrypted="AAAA",
        reason="asked",
        requested_by="ann",
        deadline=START,
    )

"""Random histories of a batch: what its own rules let happen, in any order."""

from collections.abc import Callable

from hypothesis import strategies as st

from server.kernel.errors import Refused
from server.kernel.ids import Urn
from server.kernel.privacy import PrivacyStrategy
from server.mesh.batch.commands import (
    Command,
    PublishData,
    QuarantineBatch,
    RecordAnonymization,
    RecordQuality,
    ReleaseBatch,
    ReplayBatch,
    RevokeConsumption,
)
from server.mesh.batch.domain import BATCH
from server.mesh.batch.facts import Event
from server.mesh.batch.state import Batch
from tests.mesh.batch.examples import APPENDED, B1, EXPIRE, OPEN, checked, grant, hidden, replayed, result

LONGEST = 14  # events

anonymizations = st.sampled_from(
    [hidden("email"), hidden("email", "phone"), hidden("phone", strategy=PrivacyStrategy.KEEP), hidden()]
)
grants = st.integers(1, 4).map(lambda number: Urn(f"grant:{number}"))


def check(draw: st.DrawFn, state: Batch, attempt: int) -> Command:
    found = checked(result(draw(st.booleans())), attempt=attempt)
    return RecordQuality(batch=B1, checked=found, bronze=state.bronze)


def anonymize(draw: st.DrawFn, state: Batch, attempt: int) -> Command:
    return RecordAnonymization(batch=B1, anonymized=draw(anonymizations), attempt=attempt, bronze=state.bronze)


def publish(draw: st.DrawFn, state: Batch, attempt: int) -> Command:
    return PublishData(batch=B1, gate=OPEN, attempt=attempt, bronze=state.bronze, silver=state.silver)


def replay(draw: st.DrawFn, state: Batch, attempt: int) -> Command:
    check = checked(result(True), attempt=attempt) if draw(st.booleans()) else None
    done = draw(st.none() | anonymizations)
    new = replayed(attempt=attempt, check=check, anonymized=done, published=state.gold is not None)
    return ReplayBatch(replayed=new, gate=OPEN, bronze=state.bronze, silver=state.silver)


def quarantine(draw: st.DrawFn, state: Batch, attempt: int) -> Command:
    return QuarantineBatch(batch=B1, reason=draw(st.sampled_from(["", "smells"])))


def release(draw: st.DrawFn, state: Batch, attempt: int) -> Command:
    return ReleaseBatch(batch=B1, reason="")


def give(draw: st.DrawFn, state: Batch, attempt: int) -> Command:
    return grant(draw(grants))


def revoke(draw: st.DrawFn, state: Batch, attempt: int) -> Command:
    return RevokeConsumption(batch=B1, grant=draw(grants), reason=None)


def expire(draw: st.DrawFn, state: Batch, attempt: int) -> Command:
    return EXPIRE


MOVES: list[Callable[[st.DrawFn, Batch, int], Command]] = [
    check,
    anonymize,
    publish,
    replay,
    quarantine,
    release,
    give,
    revoke,
    expire,
]


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """The events of a batch, oldest first; each attempt is used once."""
    events: list[Event] = [APPENDED]
    for attempt in range(2, draw(st.integers(2, 2 * LONGEST))):
        state = BATCH.fold(events, None)
        assert state is not None
        try:
            events.extend(BATCH.decide(draw(st.sampled_from(MOVES))(draw, state, attempt), state))
        except Refused:
            continue
    return events[:LONGEST]

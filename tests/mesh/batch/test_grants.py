import pytest

from server.kernel.errors import AlreadyExists, NotFound, PreconditionFailed
from server.kernel.ids import Urn
from server.mesh.batch.commands import (
    RevokeConsumption,
)
from server.mesh.batch.domain import BATCH
from server.mesh.batch.facts import (
    ConsumptionRevoked,
    Event,
)
from tests.given import given
from tests.mesh.batch.examples import (
    APPENDED,
    B1,
    FAILED,
    G1,
    G2,
    PASSED,
    PUBLISHED,
    QUARANTINED,
    REVOKED,
    anonymized,
    grant,
    granted,
)

MASKED = anonymized("email")


def revoke(grant: Urn = G1) -> RevokeConsumption:
    return RevokeConsumption(batch=B1, grant=grant, reason="done")


def test_grants_a_published_batch_to_several() -> None:
    given(BATCH, APPENDED, PUBLISHED).when(grant()).then(granted())
    state = given(BATCH, APPENDED, PUBLISHED, granted()).when(grant(G2)).then(granted(G2))
    assert state is not None
    assert (state.grants, state.revoked) == ((G1, G2), ())


@pytest.mark.parametrize(
    ("history", "now"), [([], "APPENDED"), ([PASSED], "QUALITY_PASSED"), ([FAILED], "QUALITY_FAILED"), ([MASKED], None)]
)
def test_refuses_to_grant_what_is_not_published(history: list[Event], now: str | None) -> None:
    now = now or "ANONYMIZED"
    given(BATCH, APPENDED, *history).when(grant()).refuses(
        PreconditionFailed, saying=f"batch 'b1' is {now}, not PUBLISHED; publishData comes first", status=now
    )


@pytest.mark.parametrize("history", [[granted()], [granted(), REVOKED]], ids=["live", "revoked"])
def test_refuses_a_grant_with_a_taken_id(history: list[Event]) -> None:
    given(BATCH, APPENDED, PUBLISHED, *history).when(grant()).refuses(
        AlreadyExists, saying="'grant:1' exists", field="grant"
    )


@pytest.mark.parametrize("between", [[], [QUARANTINED]], ids=["published", "quarantined"])
def test_revokes_a_grant_and_leaves_the_others(between: list[Event]) -> None:
    state = given(BATCH, APPENDED, PUBLISHED, granted(), granted(G2), *between).when(revoke()).then(REVOKED)
    assert state is not None
    assert (state.grants, state.revoked) == ((G2,), (G1,))


def test_refuses_to_revoke_twice() -> None:
    given(BATCH, APPENDED, PUBLISHED, granted(), REVOKED).when(revoke()).refuses(
        PreconditionFailed, saying="'grant:1' is revoked already", field="grant"
    )


def test_refuses_to_revoke_an_unknown_grant() -> None:
    given(BATCH, APPENDED, PUBLISHED, granted(G2)).when(revoke()).refuses(
        NotFound, saying="'grant:1' is not known", field="grant"
    )


def test_a_revocation_records_its_reason() -> None:
    quiet = RevokeConsumption(batch=B1, grant=G1, reason=None)
    given(BATCH, APPENDED, PUBLISHED, granted()).when(quiet).then(ConsumptionRevoked(grant=G1, reason=None))

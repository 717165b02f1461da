from typing import get_args

import pytest

from server.kernel.errors import AlreadyExists, Conflict, NotFound, PreconditionFailed
from server.kernel.ids import Urn
from server.kernel.quality import Severity
from server.mesh.batch.commands import (
    AppendData,
    Command,
    PublishData,
    PublishGate,
    QuarantineBatch,
    RecordAnonymization,
    RecordQuality,
    ReleaseBatch,
    ReplayBatch,
    RevokeConsumption,
)
from server.mesh.batch.domain import BATCH
from server.mesh.batch.facts import (
    BatchQuarantined,
    Event,
    QualityCheckFailed,
    QualityCheckPassed,
    QuarantineReleased,
)
from server.mesh.batch.state import BatchStatus
from tests.given import given
from tests.mesh.batch.examples import (
    APPENDED,
    B1,
    EXPIRED,
    FAILED,
    G1,
    G2,
    OPEN,
    ORDERS,
    PASSED,
    PUBLISHED,
    QUARANTINED,
    RELEASED,
    REVOKED,
    anonymized,
    appended,
    checked,
    erased,
    grant,
    granted,
    hidden,
    replayed,
    result,
)

MASKED = anonymized("email")


def check(*, bronze: int = 1) -> RecordQuality:
    return RecordQuality(batch=B1, checked=checked(result(True)), bronze=bronze)


def anonymize(*, bronze: int = 1) -> RecordAnonymization:
    return RecordAnonymization(batch=B1, anonymized=hidden("email"), attempt=2, bronze=bronze)


def publish(gate: PublishGate = OPEN, *, bronze: int = 1, silver: int | None = None) -> PublishData:
    return PublishData(batch=B1, gate=gate, attempt=3, bronze=bronze, silver=silver)


def revoke(grant: Urn = G1) -> RevokeConsumption:
    return RevokeConsumption(batch=B1, grant=grant, reason="done")


QUARANTINE = QuarantineBatch(batch=B1, reason="smells")
RELEASE = ReleaseBatch(batch=B1, reason="was nothing")
REPLAY = ReplayBatch(replayed=replayed(), gate=OPEN, bronze=1, silver=None)


def status(*events: Event) -> BatchStatus:
    state = given(BATCH, *events).state
    assert state is not None
    return state.status


def test_appends_a_batch() -> None:
    given(BATCH).when(AppendData(appended=APPENDED)).then(APPENDED)


@pytest.mark.parametrize("history", [[APPENDED], [APPENDED, QUARANTINED], [APPENDED, PUBLISHED]])
def test_refuses_a_taken_id(history: list[Event]) -> None:
    given(BATCH, *history).when(AppendData(appended=appended(7))).refuses(
        AlreadyExists, saying="batch 'b1' exists; choose another batchId", field="batchId"
    )


@pytest.mark.parametrize(
    "command", [check(), anonymize(), publish(), QUARANTINE, RELEASE, REPLAY, grant(), revoke()], ids=lambda c: type(c)
)
def test_refuses_all_else_on_an_unknown_batch(command: Command) -> None:
    given(BATCH).when(command).refuses(NotFound, saying="batch 'b1' is not known", field="batchId")


@pytest.mark.parametrize("command", [check(), anonymize(), publish(), REPLAY, grant()], ids=lambda c: type(c))
@pytest.mark.parametrize("before", [[APPENDED], [APPENDED, PUBLISHED, granted(G2)]], ids=["appended", "published"])
def test_refuses_while_quarantined(before: list[Event], command: Command) -> None:
    given(BATCH, *before, QUARANTINED).when(command).refuses(
        PreconditionFailed, saying="batch 'b1' is quarantined (smells); release it with releaseBatch first"
    )


def test_a_check_without_broken_rule_passes() -> None:
    results = (result(True), result(False, Severity.WARNING))
    given(BATCH, APPENDED).when(RecordQuality(batch=B1, checked=checked(*results), bronze=1)).then(
        QualityCheckPassed(batch=B1, checked_rows=4, results=results, attempt=11)
    )


def test_a_check_fails_by_one_broken_rule_and_names_only_the_errors() -> None:
    results = (result(False), result(True), result(False, Severity.WARNING), result(False, column=None))
    given(BATCH, APPENDED).when(RecordQuality(batch=B1, checked=checked(*results), bronze=1)).then(
        QualityCheckFailed(
            batch=B1,
            checked_rows=4,
            results=results,
            attempt=11,
            reason="2 of 4 rules broken: amount > 0; batch > 0",
        )
    )


def test_a_published_batch_is_checked_again_and_stays_published() -> None:
    failing = RecordQuality(batch=B1, checked=checked(result(False)), bronze=1)
    state = given(BATCH, APPENDED, PUBLISHED).when(failing).then(FAILED)
    assert state is not None
    assert (state.status, state.gold) == (BatchStatus.PUBLISHED, 3)


def test_refuses_a_check_by_no_rule() -> None:
    given(BATCH, APPENDED).when(RecordQuality(batch=B1, checked=checked(), bronze=1)).refuses(
        PreconditionFailed, saying="batch 'b1' has no quality rules to go by: give rules, or add some to its contract"
    )


def test_refuses_a_check_of_files_since_replaced() -> None:
    given(BATCH, APPENDED, replayed()).when(check(bronze=1)).refuses(
        Conflict, saying="batch 'b1' got new files while this worked on its old ones; ask again"
    )
    given(BATCH, APPENDED, replayed()).when(check(bronze=20)).then(PASSED)


def test_anonymises_before_and_after_a_check_and_again() -> None:
    for history in ([], [PASSED], [FAILED], [anonymized("phone")], [QUARANTINED, RELEASED]):
        state = given(BATCH, APPENDED, *history).when(anonymize()).then(MASKED)
        assert state is not None
        assert (state.silver, state.privacy_rules) == (2, MASKED.rules)


def test_refuses_to_anonymise_a_published_batch() -> None:
    given(BATCH, APPENDED, PUBLISHED).when(anonymize()).refuses(
        PreconditionFailed, saying="batch 'b1' is published and cannot be anonymised any more; append a new one"
    )


def test_refuses_to_anonymise_by_no_rule() -> None:
    given(BATCH, APPENDED).when(RecordAnonymization(batch=B1, anonymized=hidden(), attempt=2, bronze=1)).refuses(
        PreconditionFailed, saying="batch 'b1' has no privacy rules to go by: give rules, or add some to its contract"
    )


def test_refuses_an_anonymisation_of_files_since_replaced() -> None:
    given(BATCH, APPENDED, replayed()).when(anonymize(bronze=1)).refuses(Conflict, saying="got new files")
    given(BATCH, APPENDED, replayed()).when(anonymize(bronze=20)).then(MASKED)


@pytest.mark.parametrize(
    "before",
    [[], [PASSED], [FAILED], [MASKED], [PUBLISHED], [PUBLISHED, granted()]],
    ids=["appended", "passed", "failed", "masked", "published", "granted"],
)
def test_release_brings_back_what_stood_before(before: list[Event]) -> None:
    history = [APPENDED, *before]
    state = given(BATCH, *history).when(QUARANTINE).then(QUARANTINED)
    assert state is not None
    assert state.status is BatchStatus.QUARANTINED
    released = given(BATCH, *history, QUARANTINED).when(RELEASE).then(RELEASED)
    assert released == given(BATCH, *history).state


def test_a_quarantine_without_reason_is_one() -> None:
    silent = BatchQuarantined(batch=B1, reason="")
    given(BATCH, APPENDED).when(QuarantineBatch(batch=B1, reason="")).then(silent)
    given(BATCH, APPENDED, silent).when(ReleaseBatch(batch=B1, reason="")).then(QuarantineReleased(batch=B1, reason=""))
    assert status(APPENDED, silent) is BatchStatus.QUARANTINED


def test_refuses_to_quarantine_twice() -> None:
    given(BATCH, APPENDED, QUARANTINED).when(QUARANTINE).refuses(
        PreconditionFailed, saying="batch 'b1' is quarantined already"
    )


@pytest.mark.parametrize("history", [[APPENDED], [APPENDED, QUARANTINED, RELEASED]])
def test_refuses_to_release_what_is_not_quarantined(history: list[Event]) -> None:
    given(BATCH, *history).when(RELEASE).refuses(
        PreconditionFailed, saying="batch 'b1' is not quarantined; there is nothing to release"
    )


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([], "APPENDED"),
        ([PASSED], "QUALITY_PASSED"),
        ([FAILED], "QUALITY_FAILED"),
        ([FAILED, PASSED], "QUALITY_PASSED"),
        ([PASSED, FAILED], "QUALITY_FAILED"),
        ([MASKED], "ANONYMIZED"),
        ([PASSED, MASKED], "ANONYMIZED"),
        ([FAILED, MASKED], "ANONYMIZED"),
        ([MASKED, PASSED], "ANONYMIZED"),
        ([MASKED, FAILED], "QUALITY_FAILED"),
        ([MASKED, FAILED, PASSED], "ANONYMIZED"),
        ([PUBLISHED], "PUBLISHED"),
        ([PUBLISHED, FAILED], "PUBLISHED"),
        ([PUBLISHED, granted(), REVOKED], "PUBLISHED"),
        ([PUBLISHED, QUARANTINED], "QUARANTINED"),
        ([FAILED, QUARANTINED], "QUARANTINED"),
        ([PUBLISHED, QUARANTINED, RELEASED], "PUBLISHED"),
        ([replayed()], "APPENDED"),
        ([PASSED, replayed()], "APPENDED"),
        ([replayed(check=checked(result(True)))], "QUALITY_PASSED"),
        ([replayed(anonymized=hidden("email"))], "ANONYMIZED"),
        ([replayed(check=checked(result(True)), anonymized=hidden("email"))], "ANONYMIZED"),
        ([MASKED, replayed(), PASSED], "QUALITY_PASSED"),
        ([PUBLISHED, replayed(published=True)], "PUBLISHED"),
    ],
)
def test_the_status_is_the_furthest_that_is_true(history: list[Event], expected: str) -> None:
    assert status(APPENDED, *history) == expected


def test_its_events_concern_the_dataset() -> None:
    assert BATCH.about(None) == ()
    assert BATCH.about(given(BATCH, APPENDED).state) == (ORDERS,)


def test_every_event_changes_the_state() -> None:
    history: list[Event] = [APPENDED, FAILED, PASSED, MASKED, PUBLISHED, QUARANTINED, RELEASED, granted(), REVOKED]
    history += [replayed(published=True), erased(), EXPIRED]
    assert {type(event) for event in history} == set(get_args(Event))
    for count in range(len(history)):
        assert given(BATCH, *history[:count]).state != given(BATCH, *history[: count + 1]).state

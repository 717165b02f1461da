from typing import get_args

import pytest

from server.kernel.errors import AlreadyExists, Conflict, NotFound, PreconditionFailed
from server.kernel.ids import Urn
from server.kernel.privacy import PrivacyStrategy
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
    ConsumptionRevoked,
    DataPublished,
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
    grant,
    granted,
    hidden,
    replayed,
    result,
)

RULES = PublishGate(has_quality_rules=True, personal=(), kept=())
EMAIL = PublishGate(has_quality_rules=False, personal=("email",), kept=())
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


# Appending


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


# Checking


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


def test_refuses_a_check_of_files_since_replaced() -> None:
    given(BATCH, APPENDED, replayed()).when(check(bronze=1)).refuses(
        Conflict, saying="batch 'b1' got new files while this worked on its old ones; ask again"
    )
    given(BATCH, APPENDED, replayed()).when(check(bronze=20)).then(PASSED)


# Anonymising


def test_anonymises_before_and_after_a_check_and_again() -> None:
    for history in ([], [PASSED], [FAILED], [anonymized("phone")], [QUARANTINED, RELEASED]):
        state = given(BATCH, APPENDED, *history).when(anonymize()).then(MASKED)
        assert state is not None
        assert (state.silver, state.privacy_rules) == (2, MASKED.rules)


def test_refuses_to_anonymise_a_published_batch() -> None:
    given(BATCH, APPENDED, PUBLISHED).when(anonymize()).refuses(
        PreconditionFailed, saying="batch 'b1' is published; it cannot be anonymised any more"
    )


def test_refuses_an_anonymisation_of_files_since_replaced() -> None:
    given(BATCH, APPENDED, replayed()).when(anonymize(bronze=1)).refuses(Conflict, saying="got new files")
    given(BATCH, APPENDED, replayed()).when(anonymize(bronze=20)).then(MASKED)


# Publishing


@pytest.mark.parametrize("history", [[], [FAILED], [PASSED], [QUARANTINED, RELEASED]])
def test_publishes_whatever_was_checked_where_there_are_no_rules(history: list[Event]) -> None:
    given(BATCH, APPENDED, *history).when(publish()).then(PUBLISHED)


@pytest.mark.parametrize(
    ("history", "step"),
    [
        ([], "APPENDED"),
        ([FAILED], "QUALITY_FAILED"),
        ([PASSED, FAILED], "QUALITY_FAILED"),
        ([FAILED, MASKED], "ANONYMIZED"),
        ([MASKED], "ANONYMIZED"),
    ],
)
def test_refuses_to_publish_before_the_last_check_passed(history: list[Event], step: str) -> None:
    silver = 2 if MASKED in history else None
    given(BATCH, APPENDED, *history).when(publish(RULES, silver=silver)).refuses(
        PreconditionFailed,
        saying=f"batch 'b1' is {step}; its contract has quality rules, so runQualityCheck must pass first",
        status=step,
    )


@pytest.mark.parametrize("history", [[PASSED], [FAILED, PASSED], [PASSED, MASKED], [MASKED, PASSED]])
def test_publishes_once_the_last_check_passed(history: list[Event]) -> None:
    silver = 2 if MASKED in history else None
    given(BATCH, APPENDED, *history).when(publish(RULES, silver=silver)).then(PUBLISHED)


def test_refuses_to_publish_unchecked_rows_of_a_replay() -> None:
    given(BATCH, APPENDED, PASSED, replayed()).when(publish(RULES, bronze=20)).refuses(
        PreconditionFailed, saying="batch 'b1' is APPENDED", status="APPENDED"
    )


@pytest.mark.parametrize(
    ("history", "personal", "kept", "bare"),
    [
        ([], ("email",), (), ["email"]),
        ([MASKED], ("email", "phone"), (), ["phone"]),
        ([anonymized("phone")], ("email", "phone", "name"), ("name",), ["email"]),
        ([anonymized("email", strategy=PrivacyStrategy.KEEP)], ("email",), (), ["email"]),
        ([MASKED, anonymized("phone")], ("email", "phone"), (), ["email"]),
        ([], ("email",), ("phone",), ["email"]),
    ],
)
def test_refuses_to_publish_a_personal_column_as_it_was(
    history: list[Event], personal: tuple[str, ...], kept: tuple[str, ...], bare: list[str]
) -> None:
    gate = PublishGate(has_quality_rules=False, personal=personal, kept=kept)
    given(BATCH, APPENDED, *history).when(publish(gate, silver=2 if history else None)).refuses(
        PreconditionFailed,
        saying=f"batch 'b1' holds the personal columns {', '.join(map(repr, bare))} as they were",
        columns=bare,
    )


@pytest.mark.parametrize(
    ("history", "kept"),
    [([MASKED], ()), ([], ("email",)), ([anonymized("email", strategy=PrivacyStrategy.KEEP)], ("email",))],
)
def test_publishes_personal_columns_that_are_hidden_or_kept_by_the_contract(
    history: list[Event], kept: tuple[str, ...]
) -> None:
    gate = PublishGate(has_quality_rules=False, personal=("email",), kept=kept)
    given(BATCH, APPENDED, *history).when(publish(gate, silver=2 if history else None)).then(PUBLISHED)


@pytest.mark.parametrize(
    "strategy", [PrivacyStrategy.MASK, PrivacyStrategy.HASH, PrivacyStrategy.REDACT, PrivacyStrategy.DROP]
)
def test_every_strategy_but_keep_hides(strategy: PrivacyStrategy) -> None:
    given(BATCH, APPENDED, anonymized("email", strategy=strategy)).when(publish(EMAIL, silver=2)).then(PUBLISHED)


def test_refuses_to_publish_twice() -> None:
    given(BATCH, APPENDED, PUBLISHED).when(publish()).refuses(
        PreconditionFailed, saying="batch 'b1' is published; it cannot be published any more"
    )


@pytest.mark.parametrize(("bronze", "silver"), [(1, 2), (20, None), (20, 2)])
def test_refuses_to_publish_what_was_copied_from_files_since_replaced(bronze: int, silver: int | None) -> None:
    replay = replayed(anonymized=hidden("email"))
    given(BATCH, APPENDED, MASKED, replay).when(publish(EMAIL, bronze=bronze, silver=silver)).refuses(
        Conflict, saying="batch 'b1' got new files while this worked on its old ones; ask again"
    )


def test_refuses_to_publish_bare_rows_that_were_copied_before_they_were_hidden() -> None:
    given(BATCH, APPENDED, MASKED).when(publish(EMAIL, silver=None)).refuses(Conflict, saying="got new files")


# Quarantine


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


# Grants


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


# Status


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
    history.append(replayed(published=True))
    assert {type(event) for event in history} == set(get_args(Event))
    for count in range(len(history)):
        assert given(BATCH, *history[:count]).state != given(BATCH, *history[: count + 1]).state


def test_publishing_records_the_rows_of_today() -> None:
    given(BATCH, APPENDED, replayed()).when(publish(bronze=20)).then(DataPublished(batch=B1, row_count=5, attempt=3))


def test_a_revocation_records_its_reason() -> None:
    quiet = RevokeConsumption(batch=B1, grant=G1, reason=None)
    given(BATCH, APPENDED, PUBLISHED, granted()).when(quiet).then(ConsumptionRevoked(grant=G1, reason=None))

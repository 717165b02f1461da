import pytest

from server.kernel.errors import Conflict, PreconditionFailed
from server.kernel.fields import Field
from server.kernel.privacy import PrivacyRule, PrivacyStrategy
from server.mesh.batch.commands import PublishGate, ReplayBatch
from server.mesh.batch.domain import BATCH
from server.mesh.batch.facts import BatchReplayed, Event
from server.mesh.batch.replay import privacy_rules
from server.mesh.batch.state import Quality
from server.mesh.contract.domain import Terms
from tests.given import given
from tests.mesh.batch.examples import (
    APPENDED,
    FAILED,
    G1,
    OPEN,
    PASSED,
    PUBLISHED,
    QUARANTINED,
    REVOKED,
    anonymized,
    checked,
    granted,
    hidden,
    replayed,
    result,
    rules,
)

PASSING, FAILING = checked(result(True)), checked(result(False))
RULES = PublishGate(has_quality_rules=True, personal=(), kept=())
EMAIL = PublishGate(has_quality_rules=False, personal=("email",), kept=())


def replay(
    event: BatchReplayed, gate: PublishGate = OPEN, *, bronze: int = 1, silver: int | None = None
) -> ReplayBatch:
    return ReplayBatch(replayed=event, gate=gate, bronze=bronze, silver=silver)


@pytest.mark.parametrize(
    ("history", "event"),
    [
        ([], replayed()),
        ([FAILED], replayed(check=PASSING)),
        ([PASSED], replayed()),
        ([PUBLISHED], replayed(check=PASSING, published=True)),
        ([PUBLISHED, FAILED], replayed(anonymized=hidden("email"), published=True)),
    ],
)
def test_puts_new_files_in_place_of_the_old(history: list[Event], event: BatchReplayed) -> None:
    state = given(BATCH, APPENDED, *history).when(replay(event)).then(event)
    assert state is not None
    assert (state.bronze, state.silver, state.gold) == (
        20,
        20 if event.anonymized else None,
        20 if event.published else None,
    )
    assert state.quality is (Quality.PASSED if event.checked else Quality.UNCHECKED)
    assert state.privacy_rules == (event.anonymized.rules if event.anonymized else ())
    assert (state.contract_version, state.row_count, state.rejected_row_count) == (2, 5, 0)


def test_a_published_batch_keeps_its_grants() -> None:
    event = replayed(published=True)
    history = [APPENDED, PUBLISHED, granted(), REVOKED]
    state = given(BATCH, *history).when(replay(event)).then(event)
    assert state is not None
    assert (state.grants, state.revoked) == ((), (G1,))


@pytest.mark.parametrize("published", [False, True])
def test_refuses_rows_that_fail_their_check(published: bool) -> None:
    history = [PUBLISHED] if published else []
    given(BATCH, APPENDED, *history).when(replay(replayed(check=FAILING, published=published))).refuses(
        PreconditionFailed, saying="1 of 1 rules broken: amount > 0"
    )


def test_refuses_to_publish_unchecked_rows() -> None:
    given(BATCH, APPENDED, PASSED, PUBLISHED).when(replay(replayed(published=True), RULES)).refuses(
        PreconditionFailed, saying="batch 'b1' was not checked in the replay"
    )


def test_an_unpublished_batch_may_be_replayed_unchecked_and_bare() -> None:
    strict = PublishGate(has_quality_rules=True, personal=("email",), kept=())
    given(BATCH, APPENDED).when(replay(replayed(), strict)).then(replayed())


@pytest.mark.parametrize(
    ("event", "kept", "bare"),
    [
        (replayed(published=True), (), ["email"]),
        (replayed(published=True, anonymized=hidden("phone")), (), ["email"]),
        (replayed(published=True, anonymized=hidden("email", strategy=PrivacyStrategy.KEEP)), (), ["email"]),
        (replayed(published=True), ("phone",), ["email"]),
    ],
)
def test_refuses_to_publish_a_personal_column_as_it_was(
    event: BatchReplayed, kept: tuple[str, ...], bare: list[str]
) -> None:
    gate = PublishGate(has_quality_rules=False, personal=("email",), kept=kept)
    given(BATCH, APPENDED, anonymized("email"), PUBLISHED).when(replay(event, gate, silver=2)).refuses(
        PreconditionFailed, saying="holds the personal columns 'email' as they were", columns=bare
    )


def test_publishes_personal_columns_that_are_hidden_or_kept_by_the_contract() -> None:
    masked = replayed(published=True, anonymized=hidden("email"))
    given(BATCH, APPENDED, PUBLISHED).when(replay(masked, EMAIL)).then(masked)
    bare = replayed(published=True)
    keeping = PublishGate(has_quality_rules=False, personal=("email",), kept=("email",))
    given(BATCH, APPENDED, PUBLISHED).when(replay(bare, keeping)).then(bare)


@pytest.mark.parametrize(("history", "published"), [([], True), ([PUBLISHED], False)])
def test_refuses_files_for_another_standing(history: list[Event], published: bool) -> None:
    given(BATCH, APPENDED, *history).when(replay(replayed(published=published))).refuses(
        PreconditionFailed, saying="batch 'b1' was published or withdrawn meanwhile; replay it again"
    )


def test_refuses_while_quarantined() -> None:
    given(BATCH, APPENDED, PUBLISHED, QUARANTINED).when(replay(replayed(published=True))).refuses(
        PreconditionFailed, saying="batch 'b1' is quarantined (smells)"
    )


@pytest.mark.parametrize("since", [anonymized("email"), replayed(attempt=19)])
def test_refuses_files_that_know_nothing_of_what_was_done_meanwhile(since: Event) -> None:
    given(BATCH, APPENDED, since).when(replay(replayed())).refuses(Conflict, saying="batch 'b1' got new files")


def test_its_privacy_rules_are_the_contracts_now_and_never_less_than_before() -> None:
    batch = given(BATCH, APPENDED, anonymized("email", "phone")).state
    assert batch is not None
    now = PrivacyRule(column="email", strategy=PrivacyStrategy.HASH)
    new = PrivacyRule(column="name", strategy=PrivacyStrategy.DROP)
    fields = tuple(Field(name=name, type="string") for name in ("email", "phone", "name"))
    assert privacy_rules(Terms(privacy_rules=(now, new)), batch, fields) == (now, new, *rules("phone"))
    assert privacy_rules(Terms(), batch, fields) == rules("email", "phone")


def test_a_column_that_the_schema_has_dropped_needs_no_privacy_rule() -> None:
    batch = given(BATCH, APPENDED, anonymized("email", "phone")).state
    assert batch is not None
    assert privacy_rules(Terms(), batch, (Field(name="phone", type="string"),)) == rules("phone")

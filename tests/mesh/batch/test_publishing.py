import pytest

from server.kernel.errors import Conflict, PreconditionFailed
from server.kernel.privacy import PrivacyStrategy
from server.mesh.batch.commands import (
    PublishData,
    PublishGate,
)
from server.mesh.batch.domain import BATCH
from server.mesh.batch.facts import (
    DataPublished,
    Event,
)
from tests.given import given
from tests.mesh.batch.examples import (
    APPENDED,
    B1,
    FAILED,
    OPEN,
    PASSED,
    PUBLISHED,
    QUARANTINED,
    RELEASED,
    anonymized,
    hidden,
    replayed,
)

RULES = PublishGate(has_quality_rules=True, personal=(), kept=())
EMAIL = PublishGate(has_quality_rules=False, personal=("email",), kept=())
MASKED = anonymized("email")


def publish(gate: PublishGate = OPEN, *, bronze: int = 1, silver: int | None = None) -> PublishData:
    return PublishData(batch=B1, gate=gate, attempt=3, bronze=bronze, silver=silver)


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
        PreconditionFailed, saying="batch 'b1' is published already"
    )


@pytest.mark.parametrize(("bronze", "silver"), [(1, 2), (20, None), (20, 2)])
def test_refuses_to_publish_what_was_copied_from_files_since_replaced(bronze: int, silver: int | None) -> None:
    replay = replayed(anonymized=hidden("email"))
    given(BATCH, APPENDED, MASKED, replay).when(publish(EMAIL, bronze=bronze, silver=silver)).refuses(
        Conflict, saying="batch 'b1' got new files while this worked on its old ones; ask again"
    )


def test_refuses_to_publish_bare_rows_that_were_copied_before_they_were_hidden() -> None:
    given(BATCH, APPENDED, MASKED).when(publish(EMAIL, silver=None)).refuses(Conflict, saying="got new files")


def test_publishing_records_the_rows_of_today() -> None:
    given(BATCH, APPENDED, replayed()).when(publish(bronze=20)).then(DataPublished(batch=B1, row_count=5, attempt=3))

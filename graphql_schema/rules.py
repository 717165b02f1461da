"""Quality and privacy rules in the graph."""

from collections.abc import Sequence
from typing import Any
from unicodedata import normalize

import strawberry
from strawberry.scalars import JSON

from graphql_schema.enumeration import enumeration
from server.kernel import privacy, quality
from server.kernel.errors import BadUserInput

Severity = enumeration(
    quality.Severity,
    name="Severity",
    description="Whether a broken rule fails the check or is only told.",
    ERROR="It fails the check.",
    WARNING="It is only told.",
)
PrivacyStrategy = enumeration(
    privacy.PrivacyStrategy,
    name="PrivacyStrategy",
    description="How a column is made less personal.",
    MASK="All but the last characters become `*`; an e-mail address keeps its first letter and its domain.",
    HASH="A keyed token: the same value gives the same token.",
    REDACT="Null.",
    PSEUDONYMIZE="A token as with HASH, that the holder of the key can turn back.",
    GENERALIZE="A coarser value: a period, a step, a band or the first characters.",
    NOISE="A number with a random offset of a stated scale.",
    DROP="The column is gone.",
    KEEP="It stays; says that a personal column may be published as it is.",
)


@strawberry.type(description="What a contract says of clean data.")
class QualityRule:
    """What a contract says of clean data."""

    column: str | None = strawberry.field(description="The column; null for a rule about the whole batch.")
    check: str = strawberry.field(description="The rule's text, such as `> 0` or `not null`; see docs/rules.md.")
    severity: Severity = strawberry.field(description="Whether a broken rule fails the check.")  # type: ignore[valid-type]
    threshold: float = strawberry.field(description="The largest fraction of rows that may fail, 0 to 1.")


@strawberry.input(description="What a contract says of clean data.")
class QualityRuleInput:
    """A quality rule, as a client writes it."""

    column: str | None = strawberry.field(default=None, description="null: a rule about the whole batch.")
    check: str = strawberry.field(
        description="Such as: > 0 | between 0 and 10 | not null | unique | in ('EUR','USD') | matches '^[A-Z]{3}$'"
        " | row_count > 0"
    )
    severity: Severity | None = strawberry.field(  # type: ignore[valid-type]
        default=quality.Severity.ERROR, description="Whether a broken rule fails the check."
    )
    threshold: float | None = strawberry.field(default=0, description="Largest fraction of rows that may fail.")


@strawberry.type(description="What happens to a column before its rows may be published.")
class PrivacyRule:
    """What happens to a column."""

    column: str = strawberry.field(description="The column.")
    strategy: PrivacyStrategy = strawberry.field(description="How it is treated.")  # type: ignore[valid-type]
    params: JSON | None = strawberry.field(description='What the strategy needs, such as {"keepLast": 4} for MASK.')


@strawberry.input(description="What happens to a column before its rows may be published.")
class PrivacyRuleInput:
    """A privacy rule, as a client writes it."""

    column: str = strawberry.field(description="The column.")
    strategy: PrivacyStrategy = strawberry.field(description="How it is treated.")  # type: ignore[valid-type]
    params: JSON | None = strawberry.field(
        default=None, description='What the strategy needs, such as {"keepLast": 4} for MASK.'
    )


def quality_rule(rule: quality.QualityRule) -> QualityRule:
    """A quality rule in the graph."""
    return QualityRule(column=rule.column, check=rule.check, severity=rule.severity, threshold=rule.threshold)


def privacy_rule(rule: privacy.PrivacyRule) -> PrivacyRule:
    """A privacy rule in the graph."""
    params: Any = rule.params  # JSON
    return PrivacyRule(column=rule.column, strategy=rule.strategy, params=params)


def given_quality(rules: Sequence[QualityRuleInput] | None) -> tuple[quality.QualityRule, ...]:
    """The quality rules that a client gave. Raises: LimitExceeded."""
    given = tuple(
        quality.QualityRule(
            column=rule.column,
            check=rule.check,
            severity=rule.severity or quality.Severity.ERROR,
            threshold=rule.threshold or 0.0,
        )
        for rule in rules or ()
    )
    quality.check_amount(given)
    return given


def given_privacy(rules: Sequence[PrivacyRuleInput] | None) -> tuple[privacy.PrivacyRule, ...]:
    """The privacy rules that a client gave, columns spelled as schemas spell them. Raises: BadUserInput."""
    return tuple(
        privacy.PrivacyRule(column=normalize("NFC", rule.column), strategy=rule.strategy, params=_params(rule))
        for rule in rules or ()
    )


def _params(rule: PrivacyRuleInput) -> dict[str, Any] | None:
    params: Any = rule.params  # JSON: checked here
    if params is None or isinstance(params, dict):
        return params
    raise BadUserInput(f"params of column {rule.column!r} are not an object such as {{}}", field="params")

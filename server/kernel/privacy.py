"""Privacy rules: what happens to a column before its rows may be published."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any, assert_never

from server.kernel.columns import named_column
from server.kernel.errors import BadUserInput
from server.kernel.fields import Field, TypeName
from server.kernel.record import record

KEEP_LAST = "keepLast"
KEEP_LAST_DEFAULT = 4
KEEP_LAST_MOST = 8


class PrivacyStrategy(StrEnum):
    """How a column is made less personal. KEEP says that it may stay as it is."""

    MASK = "MASK"
    HASH = "HASH"
    REDACT = "REDACT"
    DROP = "DROP"
    KEEP = "KEEP"


@record
class PrivacyRule:
    """One rule. `params` depend on the strategy, such as {"keepLast": 4} for MASK."""

    column: str
    strategy: PrivacyStrategy
    params: Mapping[str, Any] | None = None  # JSON as the author wrote it


def check_privacy(rules: Sequence[PrivacyRule], fields: Sequence[Field]) -> tuple[PrivacyRule, ...]:
    """The rules, if each fits the schema and no two speak of one column. Raises: BadUserInput."""
    seen: set[str] = set()
    for rule in rules:
        name = named_column(rule.column, fields).name
        if name in seen:
            raise BadUserInput(f"column {name!r} has two privacy rules; give it one", field="column")
        seen.add(name)
        _check_params(rule)
    if fields and not privacy_schema(fields, rules):
        raise BadUserInput("these rules drop every column; keep, mask or redact at least one", field="strategy")
    return tuple(rules)


def keep_last(rule: PrivacyRule) -> int:
    """How many of the last characters a MASK shows. Raises: BadUserInput."""
    shown = (rule.params or {}).get(KEEP_LAST, KEEP_LAST_DEFAULT)
    if type(shown) is not int or not 0 <= shown <= KEEP_LAST_MOST:  # a bool is an int to isinstance
        raise BadUserInput(
            f"{KEEP_LAST} of column {rule.column!r} must be a whole number from 0 to {KEEP_LAST_MOST}", field="params"
        )
    return shown


def masked_type(field: Field, strategy: PrivacyStrategy) -> str | None:
    """The type's text after the strategy; None where the column is gone."""
    match strategy:
        case PrivacyStrategy.MASK | PrivacyStrategy.HASH:
            return TypeName.STRING.value
        case PrivacyStrategy.REDACT | PrivacyStrategy.KEEP:
            return field.type
        case PrivacyStrategy.DROP:
            return None
        case _:
            assert_never(strategy)


def privacy_schema(fields: Sequence[Field], rules: Sequence[PrivacyRule]) -> tuple[Field, ...]:
    """What the columns became, in the order of `fields`.

    The mark `pii` stays: masked and hashed data remain personal data.
    """
    strategies = {named_column(rule.column, fields).name: rule.strategy for rule in rules}
    became = (_became(field, strategies.get(field.name, PrivacyStrategy.KEEP)) for field in fields)
    return tuple(field for field in became if field is not None)


def _became(field: Field, strategy: PrivacyStrategy) -> Field | None:
    type_text = masked_type(field, strategy)
    if type_text is None or strategy is PrivacyStrategy.KEEP:
        return field if type_text else None
    return replace(
        field,
        type=type_text,
        nullable=field.nullable or strategy is PrivacyStrategy.REDACT,
        subject_key=False,  # the subject's id is no longer what stands in the column
        primary_key=field.primary_key and strategy is PrivacyStrategy.HASH,  # the only one that keeps values apart
    )


def _check_params(rule: PrivacyRule) -> None:
    taken = {KEEP_LAST} if rule.strategy is PrivacyStrategy.MASK else set[str]()
    if unknown := sorted(set(rule.params or {}) - taken):
        may = f"only {KEEP_LAST}" if taken else "no parameter"
        raise BadUserInput(
            f"{rule.strategy} of column {rule.column!r} takes {may}; leave out {', '.join(map(repr, unknown))}",
            field="params",
        )
    if rule.strategy is PrivacyStrategy.MASK:
        keep_last(rule)

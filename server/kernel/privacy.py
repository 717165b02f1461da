"""Privacy rules: what happens to a column before its rows may be published."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any, assert_never

from server.kernel.columns import named_column
from server.kernel.errors import BadUserInput
from server.kernel.fields import Field, TypeName
from server.kernel.privacy_params import ToBand, generalization, keep_last, no_params, noise, normalizes
from server.kernel.record import record


class PrivacyStrategy(StrEnum):
    """How a column is made less personal. KEEP says that it may stay as it is."""

    MASK = "MASK"
    HASH = "HASH"
    REDACT = "REDACT"
    PSEUDONYMIZE = "PSEUDONYMIZE"
    GENERALIZE = "GENERALIZE"
    NOISE = "NOISE"
    DROP = "DROP"
    KEEP = "KEEP"


@record
class PrivacyRule:
    """One rule. `params` depend on the strategy, such as {"keepLast": 4} for MASK; docs/rules.md lists them."""

    column: str
    strategy: PrivacyStrategy
    params: Mapping[str, Any] | None = None  # JSON as the author wrote it


def check_privacy(rules: Sequence[PrivacyRule], fields: Sequence[Field]) -> tuple[PrivacyRule, ...]:
    """The rules, if each fits its column and no two speak of one column. Raises: BadUserInput."""
    seen: set[str] = set()
    for rule in rules:
        field = named_column(rule.column, fields)
        if field.name in seen:
            raise BadUserInput(f"column {field.name!r} has two privacy rules; give it one", field="column")
        seen.add(field.name)
        _check_params(rule, field)
    if fields and not privacy_schema(fields, rules):
        raise BadUserInput("these rules drop every column; keep, mask or redact at least one", field="strategy")
    return tuple(rules)


def masked_type(field: Field, rule: PrivacyRule) -> str | None:
    """The type's text after the rule; None where the column is gone. Raises: BadUserInput."""
    match rule.strategy:
        case PrivacyStrategy.MASK | PrivacyStrategy.HASH | PrivacyStrategy.PSEUDONYMIZE:
            return TypeName.STRING.value
        case PrivacyStrategy.GENERALIZE:
            way = generalization(rule.column, field.data_type, rule.params or {})
            return TypeName.STRING.value if isinstance(way, ToBand) else field.type
        case PrivacyStrategy.REDACT | PrivacyStrategy.NOISE | PrivacyStrategy.KEEP:
            return field.type
        case PrivacyStrategy.DROP:
            return None
        case _:
            assert_never(rule.strategy)


def privacy_schema(fields: Sequence[Field], rules: Sequence[PrivacyRule]) -> tuple[Field, ...]:
    """What the columns became, in the order of `fields`.

    The mark `pii` stays: masked, hashed and coarser data remain personal data.
    """
    ruled = {named_column(rule.column, fields).name: rule for rule in rules}
    became = (_became(field, ruled[field.name]) if field.name in ruled else field for field in fields)
    return tuple(field for field in became if field is not None)


def _became(field: Field, rule: PrivacyRule) -> Field | None:
    type_text = masked_type(field, rule)
    if type_text is None or rule.strategy is PrivacyStrategy.KEEP:
        return field if type_text else None
    return replace(
        field,
        type=type_text,
        nullable=field.nullable or rule.strategy is PrivacyStrategy.REDACT,
        subject_key=False,  # the subject's id is no longer what stands in the column
        primary_key=field.primary_key and _keeps_apart(field, rule),
    )


def _keeps_apart(field: Field, rule: PrivacyRule) -> bool:
    """Whether two values that differ still differ after the rule."""
    if rule.strategy is PrivacyStrategy.HASH:
        return not normalizes(rule.column, field.data_type, rule.params or {})
    return rule.strategy is PrivacyStrategy.PSEUDONYMIZE


def _check_params(rule: PrivacyRule, field: Field) -> None:
    params = rule.params or {}
    match rule.strategy:
        case PrivacyStrategy.MASK:
            keep_last(rule.column, params)
        case PrivacyStrategy.HASH:
            normalizes(rule.column, field.data_type, params)
        case PrivacyStrategy.GENERALIZE:
            generalization(rule.column, field.data_type, params)
        case PrivacyStrategy.NOISE:
            noise(rule.column, field.data_type, params)
        case PrivacyStrategy.REDACT | PrivacyStrategy.PSEUDONYMIZE | PrivacyStrategy.DROP | PrivacyStrategy.KEEP:
            no_params(rule.column, rule.strategy, params)
        case _:
            assert_never(rule.strategy)

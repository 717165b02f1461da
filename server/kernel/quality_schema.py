"""Whether a rule fits a schema: its columns are there, and what it asks of them suits their types."""

from collections.abc import Sequence
from typing import TypeAlias, assert_never, cast
from unicodedata import normalize

from server.kernel.columns import named_column
from server.kernel.errors import BadUserInput
from server.kernel.fields import Field, TypeName
from server.kernel.quality import QualityRule
from server.kernel.quality_checks import (
    After,
    Aggregate,
    Before,
    Between,
    Check,
    Compare,
    Condition,
    Formatted,
    Fresh,
    IsNull,
    Length,
    Literal,
    Matches,
    Measure,
    NoneOf,
    NotNull,
    OneOf,
    Operator,
    PlainCheck,
    Refers,
    RowCount,
    Unique,
    UniqueInDataset,
    UniqueWith,
    Value,
    When,
)
from server.kernel.quality_grammar import parse_check
from server.kernel.quality_literals import typed
from server.kernel.quality_measures import fitted_aggregate

ValueCheck: TypeAlias = Compare | Between | OneOf | NoneOf

_EQUALITY = (Operator.EQUAL, Operator.UNEQUAL)
_TIMES = (TypeName.DATE, TypeName.DATETIME)


def check_rule(rule: QualityRule, fields: Sequence[Field]) -> Check:
    """The rule's check with each literal as a value of its column's type, and each column as the schema spells it.

    Patterns are not judged here, since only the engine's side knows RE2; nor is what another dataset has.
    Raises: BadUserInput.
    """
    check = parse_check(rule.check)
    if not 0 <= rule.threshold <= 1:
        raise BadUserInput(
            f"threshold {rule.threshold} is no fraction of the rows; give one from 0 to 1", field="threshold"
        )
    if not isinstance(check, When):
        return _plain(rule, check, fields)
    field = _mentioned(check.column, rule, fields)
    return When(
        check=_plain(rule, check.check, fields), column=field.name, condition=_condition(check.condition, field)
    )


def _plain(rule: QualityRule, check: PlainCheck, fields: Sequence[Field]) -> PlainCheck:
    if isinstance(check, RowCount):
        if rule.column is not None:
            raise BadUserInput(
                f"row_count is about the whole batch; leave its column out instead of {rule.column[:80]!r}",
                field="column",
            )
        return check
    field = None if rule.column is None else named_column(rule.column, fields)
    if isinstance(check, UniqueWith):
        return _together(check, rule, fields)
    if field is None:
        raise BadUserInput(f"check {rule.check[:80]!r} is about a column; name it", field="column")
    return _fitted(check, field)


def _mentioned(name: str, rule: QualityRule, fields: Sequence[Field]) -> Field:
    """A column that stands in the text of the check."""
    try:
        return named_column(name, fields)
    except BadUserInput as refused:
        raise BadUserInput(f"check {rule.check[:80]!r}: {refused.message}", field="check") from None


def _together(check: UniqueWith, rule: QualityRule, fields: Sequence[Field]) -> UniqueWith:
    columns = [_mentioned(name, rule, fields) for name in check.columns]
    for place, field in enumerate(columns):
        if field in columns[:place]:
            raise BadUserInput(f"unique with names column {field.name!r} twice; name it once", field="check")
        _refuse_json(field)
    return UniqueWith(columns=tuple(field.name for field in columns))


def _fitted(check: PlainCheck, field: Field) -> PlainCheck:
    kind = field.data_type.name
    if not (isinstance(check, NotNull) or (isinstance(check, Aggregate) and check.measure is Measure.NULL_FRACTION)):
        _refuse_json(field)
    match check:
        case Compare() | Between() | OneOf() | NoneOf():
            return _valued(check, field)
        case Matches() | Length() | Formatted():
            if kind is not TypeName.STRING:
                raise BadUserInput(
                    f"column {field.name!r} is {field.type}; matches, length and is are for string columns",
                    field="check",
                )
            return check
        case Before(moment=moment):
            _refuse_timeless(field, "before")
            return Before(moment=_value(moment, field))
        case After(moment=moment):
            _refuse_timeless(field, "after")
            return After(moment=_value(moment, field))
        case Fresh():
            _refuse_timeless(field, "freshness")
            return check
        case Aggregate():
            return fitted_aggregate(check, field)
        case Refers(dataset=dataset, column=column):
            return Refers(dataset=dataset, column=normalize("NFC", column))
        case NotNull() | Unique() | UniqueInDataset() | UniqueWith() | RowCount():
            return check
        case _:
            assert_never(check)


def _condition(condition: Condition, field: Field) -> Condition:
    if isinstance(condition, NotNull | IsNull):
        return condition
    _refuse_json(field)
    return _valued(condition, field)


def _valued(check: ValueCheck, field: Field) -> ValueCheck:
    """The check with its literals typed."""
    match check:
        case Compare(operator=operator, value=value):
            if operator not in _EQUALITY:
                _refuse_orderless(field, operator)
            return Compare(operator=operator, value=_value(value, field))
        case Between(low=low, high=high):
            _refuse_orderless(field, "between")
            return _range(_value(low, field), _value(high, field))
        case OneOf(values=values):
            return OneOf(values=tuple(_value(value, field) for value in values))
        case NoneOf(values=values):
            return NoneOf(values=tuple(_value(value, field) for value in values))


def _value(value: Value, field: Field) -> Value:
    return typed(cast(Literal, value), field)  # the grammar makes literals only


def _range(low: Value, high: Value) -> Between:
    if low > high:  # type: ignore[operator]  # both are of the column's one type
        raise BadUserInput(f"between {low} and {high} holds no value; write the smaller end first", field="check")
    return Between(low=low, high=high)


def _refuse_json(field: Field) -> None:
    if field.data_type.name is TypeName.JSON:
        raise BadUserInput(
            f"column {field.name!r} is json, which takes only the checks not null and null_fraction", field="check"
        )


def _refuse_orderless(field: Field, asked: str) -> None:
    if field.data_type.name is TypeName.BOOLEAN:
        raise BadUserInput(
            f"column {field.name!r} is boolean, which has no order; use = or != instead of {asked}", field="check"
        )


def _refuse_timeless(field: Field, asked: str) -> None:
    if field.data_type.name not in _TIMES:
        raise BadUserInput(
            f"column {field.name!r} is {field.type}; {asked} is for date and datetime columns", field="check"
        )

"""Whether a rule fits a schema: its column is there and its literals are of the column's type."""

from collections.abc import Sequence
from typing import assert_never, cast

from server.kernel.columns import named_column
from server.kernel.errors import BadUserInput
from server.kernel.fields import Field, TypeName
from server.kernel.quality import QualityRule
from server.kernel.quality_checks import (
    Between,
    Check,
    Compare,
    Length,
    Literal,
    Matches,
    NoneOf,
    NotNull,
    OneOf,
    Operator,
    RowCount,
    Unique,
    Value,
)
from server.kernel.quality_grammar import parse_check
from server.kernel.quality_literals import typed

_EQUALITY = (Operator.EQUAL, Operator.UNEQUAL)


def check_rule(rule: QualityRule, fields: Sequence[Field]) -> Check:
    """The rule's check with each literal as a value of the column's type.

    Patterns are not judged here: only the engine's side knows RE2. Raises: BadUserInput.
    """
    check = parse_check(rule.check)
    if not 0 <= rule.threshold <= 1:
        raise BadUserInput(
            f"threshold {rule.threshold} is no fraction of the rows; give one from 0 to 1", field="threshold"
        )
    if isinstance(check, RowCount):
        if rule.column is not None:
            raise BadUserInput(
                f"row_count is about the whole batch; leave its column out instead of {rule.column[:80]!r}",
                field="column",
            )
        return check
    if rule.column is None:
        raise BadUserInput(f"check {rule.check[:80]!r} is about a column; name it", field="column")
    return _fitted(check, named_column(rule.column, fields))


def _fitted(check: Check, field: Field) -> Check:
    kind = field.data_type.name
    if kind is TypeName.JSON and not isinstance(check, NotNull):
        raise BadUserInput(f"column {field.name!r} is json, which takes only the check not null", field="check")
    match check:
        case Compare(operator=operator, value=value):
            if kind is TypeName.BOOLEAN and operator not in _EQUALITY:
                raise BadUserInput(
                    f"column {field.name!r} is boolean, which has no order; use = or != instead of {operator}",
                    field="check",
                )
            return Compare(operator=operator, value=_value(value, field))
        case Between(low=low, high=high):
            return _range(_value(low, field), _value(high, field), field)
        case OneOf(values=values):
            return OneOf(values=tuple(_value(value, field) for value in values))
        case NoneOf(values=values):
            return NoneOf(values=tuple(_value(value, field) for value in values))
        case Matches() | Length():
            if kind is not TypeName.STRING:
                raise BadUserInput(
                    f"column {field.name!r} is {field.type}; matches and length are for string columns", field="check"
                )
            return check
        case NotNull() | Unique() | RowCount():
            return check
        case _:
            assert_never(check)


def _value(value: Value, field: Field) -> Value:
    return typed(cast(Literal, value), field)  # the grammar makes literals only


def _range(low: Value, high: Value, field: Field) -> Check:
    if field.data_type.name is TypeName.BOOLEAN:
        raise BadUserInput(
            f"column {field.name!r} is boolean, which has no order; use = or != instead of between", field="check"
        )
    if low > high:  # type: ignore[operator]  # both are of the column's one type
        raise BadUserInput(f"between {low} and {high} holds no value; write the smaller end first", field="check")
    return Between(low=low, high=high)

"""Figures of a whole column: which type takes which, and whether one lies within its bound."""

import operator
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeAlias, assert_never, cast

from server.kernel.errors import BadUserInput
from server.kernel.fields import Field, TypeName
from server.kernel.quality_checks import Aggregate, Between, Compare, Literal, Measure, Operator, Value
from server.kernel.quality_literals import typed

Figure: TypeAlias = Value | Fraction
"""What was measured; fractions where they are exact: of rows, and means of exact numbers."""

COMPARISONS: dict[Operator, Callable[[Any, Any], Any]] = {  # of figures here, of the engine's expressions elsewhere
    Operator.GREATER: operator.gt,
    Operator.AT_LEAST: operator.ge,
    Operator.LESS: operator.lt,
    Operator.AT_MOST: operator.le,
    Operator.EQUAL: operator.eq,
    Operator.UNEQUAL: operator.ne,
}
_NUMBERS = (TypeName.INT, TypeName.FLOAT, TypeName.DECIMAL)
_ORDERED = (*_NUMBERS, TypeName.STRING, TypeName.DATE, TypeName.DATETIME)


def fitted_aggregate(check: Aggregate, field: Field) -> Aggregate:
    """The check with its bound as values of what it measures. Raises: BadUserInput."""
    _refuse_type(check.measure, field)
    if isinstance(bound := check.bound, Compare):
        fitted = Compare(operator=bound.operator, value=_fitted(bound.value, check.measure, field))
        return Aggregate(measure=check.measure, bound=fitted)
    low, high = _fitted(bound.low, check.measure, field), _fitted(bound.high, check.measure, field)
    if low > high:  # type: ignore[operator]  # both are of one type
        raise BadUserInput(
            f"{check.measure} between {low} and {high} holds no value; write the smaller end first", field="check"
        )
    return Aggregate(measure=check.measure, bound=Between(low=low, high=high))


def within(figure: Figure, bound: Compare | Between) -> bool:
    """Whether what was measured lies where the bound, fitted to it, says."""
    found = _comparable(figure)
    if isinstance(bound, Compare):
        return bool(COMPARISONS[bound.operator](found, _comparable(bound.value)))
    return bool(_comparable(bound.low) <= found <= _comparable(bound.high))


def _comparable(figure: Figure) -> Any:  # of the bound's type, or exact numbers
    return Fraction(figure) if isinstance(figure, Decimal) else figure


def _refuse_type(measure: Measure, field: Field) -> None:
    kind = field.data_type.name
    match measure:
        case Measure.MEAN | Measure.SUM:
            if kind not in _NUMBERS:
                raise BadUserInput(
                    f"column {field.name!r} is {field.type}; {measure} is for int, float and decimal columns",
                    field="check",
                )
        case Measure.MIN | Measure.MAX:
            if kind not in _ORDERED:
                raise BadUserInput(
                    f"column {field.name!r} is {field.type}, which has no order; {measure} is not for it", field="check"
                )
        case Measure.DISTINCT_COUNT | Measure.NULL_FRACTION:
            return
        case _:
            assert_never(measure)


def _fitted(value: Value, measure: Measure, field: Field) -> Value:
    literal = cast(Literal, value)  # the grammar makes literals only
    match measure:
        case Measure.MIN | Measure.MAX:
            return typed(literal, field)
        case Measure.DISTINCT_COUNT:
            if isinstance(literal, Decimal) and literal >= 0 and literal == literal.to_integral_value():
                return literal
            raise _refusal(literal, measure, "write a bare whole number")
        case Measure.NULL_FRACTION:
            if isinstance(literal, Decimal) and 0 <= literal <= 1:
                return literal
            raise _refusal(literal, measure, "write a bare number from 0 to 1")
        case Measure.MEAN | Measure.SUM:
            if not isinstance(literal, Decimal):
                raise _refusal(literal, measure, "write a bare number")
            return typed(literal, field) if field.data_type.name is TypeName.FLOAT else literal
        case _:
            assert_never(measure)


def _refusal(literal: Literal, measure: Measure, needed: str) -> BadUserInput:
    written = str(literal) if isinstance(literal, Decimal) else f"'{literal[:80]}'"
    return BadUserInput(f"{written} does not fit {measure}: {needed}", field="check")

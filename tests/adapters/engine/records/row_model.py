"""Rows, conditions and orders as plain Python understands them: the oracle of the tests that read records."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cmp_to_key
from typing import Any, TypeAlias

from server.kernel.fields import Field
from server.kernel.filters import AllOf, AnyOf, Comparison, Condition, FilterOp, Negation
from server.kernel.row_schema import Order

Row: TypeAlias = Mapping[str, Any]

COMPARED: Mapping[FilterOp, Callable[[Any, Any], bool]] = {
    FilterOp.EQ: operator.eq,
    FilterOp.NE: operator.ne,
    FilterOp.GT: operator.gt,
    FilterOp.GTE: operator.ge,
    FilterOp.LT: operator.lt,
    FilterOp.LTE: operator.le,
    FilterOp.LIKE: lambda value, bound: like(bound, value),
    FilterOp.ILIKE: lambda value, bound: like(bound.lower(), value.lower()),
}


def holds(condition: Condition, row: Row) -> bool | None:
    """SQL's three outcomes; None where a null leaves it open."""
    match condition:
        case AllOf(conditions=conditions):
            found = [holds(one, row) for one in conditions]
            return False if False in found else None if None in found else True
        case AnyOf(conditions=conditions):
            found = [holds(one, row) for one in conditions]
            return True if True in found else None if None in found else False
        case Negation(condition=negated):
            inner = holds(negated, row)
            return None if inner is None else not inner
        case Comparison():
            return compared(condition, row[condition.field.name])


def compared(asked: Comparison, value: Any) -> bool | None:
    match asked.op:
        case FilterOp.IS_NULL:
            return value is None
        case FilterOp.IS_NOT_NULL:
            return value is not None
        case FilterOp.IN | FilterOp.NOT_IN if not asked.values:
            return asked.op is FilterOp.NOT_IN
    if value is None:
        return None
    if asked.op in (FilterOp.IN, FilterOp.NOT_IN):
        return (value in asked.values) is (asked.op is FilterOp.IN)
    (bound,) = asked.values
    return COMPARED[asked.op](value, bound)


def like(pattern: str, text: str) -> bool:
    pieces = re.findall(r"\\.|.", pattern, re.DOTALL)
    signs = {"%": ".*", "_": "."}
    return re.fullmatch("".join(signs.get(one) or re.escape(one[-1]) for one in pieces), text, re.DOTALL) is not None


def sorted_rows(rows: Sequence[Row], orders: Sequence[Order]) -> list[Row]:
    def compare(one: Row, other: Row) -> int:
        for order in orders:
            a, b = one[order.field.name], other[order.field.name]
            if a == b:
                continue
            if a is None or b is None:
                return 1 if a is None else -1
            return (1 if a > b else -1) * (-1 if order.descending else 1)
        return 0

    return sorted(rows, key=cmp_to_key(compare))


def as_json(row: Row, shown: Sequence[Field]) -> dict[str, Any]:
    """What the row's JSON text is once it is parsed with decimals for numbers that have a point."""
    return {field.name: _json(row[field.name]) for field in shown}


def _json(value: Any) -> Any:
    match value:
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        case date():
            return value.isoformat()
        case float():
            return Decimal(repr(value))
        case _:
            return value

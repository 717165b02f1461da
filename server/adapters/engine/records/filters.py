"""Conditions on rows, their order and the place where a page ends, as Ibis expressions over the rows."""

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import assert_never

from server.adapters.engine.batch_table import Expression
from server.adapters.engine.on_demand import ibis
from server.adapters.engine.quality.expressions import literal
from server.kernel.filter_values import Value
from server.kernel.filters import SYSTEM_FIELDS, AllOf, AnyOf, Comparison, Condition, FilterOp, Negation
from server.kernel.row_schema import Order

_COMPARED: Mapping[FilterOp, Callable[[Expression, Expression], Expression]] = {
    FilterOp.EQ: operator.eq,
    FilterOp.NE: operator.ne,
    FilterOp.GT: operator.gt,
    FilterOp.GTE: operator.ge,
    FilterOp.LT: operator.lt,
    FilterOp.LTE: operator.le,
}


def holds(table: Expression, condition: Condition) -> Expression:
    """Whether the condition is true of a row; null where a null leaves it open."""
    match condition:
        case Comparison():
            return _compared(table[condition.field.name], condition)
        case AllOf(conditions=conditions):
            return reduce(operator.and_, (holds(table, one) for one in conditions), ibis().literal(True))
        case AnyOf(conditions=conditions):
            return reduce(operator.or_, (holds(table, one) for one in conditions), ibis().literal(False))
        case Negation(condition=negated):
            return ~holds(table, negated)
        case _:
            assert_never(condition)


def behind(table: Expression, orders: Sequence[Order], place: Sequence[Value | None]) -> Expression:
    """Whether a row comes after the one whose values in the columns of `orders` are `place`."""
    found = ibis().literal(False)
    for order, value in reversed(list(zip(orders, place, strict=True))):
        column = table[order.field.name]
        if value is None:  # nulls are last: only what is also null can follow
            found = column.isnull() & found
            continue
        bound = literal(value, order.field.data_type)
        further = column < bound if order.descending else column > bound
        if order.field not in SYSTEM_FIELDS:  # any other can be null, if only in files that lack it
            further = further | column.isnull()
        found = further | ((column == bound) & found)
    return found


def sorted_by(table: Expression, orders: Sequence[Order]) -> list[Expression]:
    """The keys by which rows are sorted, nulls last."""
    return [
        ibis().desc(table[order.field.name], nulls_first=False)
        if order.descending
        else ibis().asc(table[order.field.name], nulls_first=False)
        for order in orders
    ]


def _compared(column: Expression, comparison: Comparison) -> Expression:
    op, field = comparison.op, comparison.field
    match op:
        case FilterOp.IS_NULL:
            return column.isnull()
        case FilterOp.IS_NOT_NULL:
            return column.notnull()
        case FilterOp.IN:
            return column.isin(_literals(comparison)) if comparison.values else ibis().literal(False)
        case FilterOp.NOT_IN:
            return column.notin(_literals(comparison)) if comparison.values else ibis().literal(True)
        case FilterOp.LIKE | FilterOp.ILIKE:
            return _like(column, str(comparison.values[0]), any_case=op is FilterOp.ILIKE)
        case FilterOp.EQ | FilterOp.NE | FilterOp.GT | FilterOp.GTE | FilterOp.LT | FilterOp.LTE:
            return _COMPARED[op](column, literal(comparison.values[0], field.data_type))
        case _:
            assert_never(op)


def _literals(comparison: Comparison) -> list[Expression]:
    return [literal(value, comparison.field.data_type) for value in comparison.values]


def _like(column: Expression, pattern: str, *, any_case: bool) -> Expression:
    if "\\" not in pattern:  # what DuckDB turns into a prefix or suffix
        return column.ilike(pattern) if any_case else column.like(pattern)
    name = "ilike_escape" if any_case else "like_escape"
    matches = ibis().udf.scalar.builtin(name=name, signature=((str, str, str), bool))
    return matches(lambda text, pattern, escape: text)(column, pattern, "\\")

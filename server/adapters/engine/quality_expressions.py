"""Each check as an Ibis expression that is true for a failing row, the same on DuckDB and Spark."""

import operator
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import assert_never

from server.adapters.engine.batch_table import Expression, ibis_type
from server.adapters.engine.on_demand import ibis
from server.kernel.fields import DataType, Field, TypeName
from server.kernel.quality_checks import (
    Between,
    Check,
    Compare,
    Length,
    Matches,
    NoneOf,
    NotNull,
    OneOf,
    Operator,
    RowCount,
    Unique,
    Value,
)

COMPARISONS: dict[Operator, Callable[[Expression, Expression], Expression]] = {
    Operator.GREATER: operator.gt,
    Operator.AT_LEAST: operator.ge,
    Operator.LESS: operator.lt,
    Operator.AT_MOST: operator.le,
    Operator.EQUAL: operator.eq,
    Operator.UNEQUAL: operator.ne,
}

RowCheck = Compare | Between | OneOf | NoneOf | NotNull | Matches | Length


def failing(check: RowCheck, column: Expression, kind: DataType) -> Expression:
    """True where the row breaks the check; null, and so not counted, where the value is null."""
    match check:
        case Compare(operator=comparison, value=value):
            return ~COMPARISONS[comparison](column, literal(value, kind))
        case Between(low=low, high=high):
            return ~column.between(literal(low, kind), literal(high, kind))
        case OneOf(values=values):
            return ~column.isin(literals(values, kind))
        case NoneOf(values=values):
            return column.isin(literals(values, kind))
        case NotNull():
            return column.isnull()
        case Matches(pattern=pattern):
            return ~column.re_search(pattern)
        case Length(operator=comparison, count=count):
            return ~COMPARISONS[comparison](column.length(), ibis().literal(count, type="int64"))
        case _:
            assert_never(check)


def repeated(table: Expression, name: str) -> Expression:
    """The values of a column that occur more than once: columns `value` and `occurrences`; null is no value."""
    values = table.select(value=table[name])
    present = values.filter(values.value.notnull())
    counted = present.group_by("value").aggregate(occurrences=present.count())
    return counted.filter(counted.occurrences > 1)


def counts(table: Expression, checks: Sequence[tuple[Field | None, Check]]) -> Expression:
    """One row: `checked`, the number of rows, then `failed_<index>` for each check of a column."""
    metrics: dict[str, Expression] = {"checked": table.count()}
    duplicates: dict[str, Expression] = {}
    for index, (field, check) in enumerate(checks):
        if field is None or isinstance(check, RowCount):
            continue
        if isinstance(check, Unique):
            duplicates[f"failed_{index}"] = repeated(table, field.name).occurrences.sum().as_scalar().fill_null(0)
        else:
            failed = table.count(where=failing(check, table[field.name], field.data_type))
            metrics[f"failed_{index}"] = failed.fill_null(0)  # Spark sums no rows to null
    aggregate = table.aggregate(**metrics)
    return aggregate.mutate(**duplicates) if duplicates else aggregate


def literal(value: Value, kind: DataType) -> Expression:
    """The value as a literal of the column's type.

    Doubles and times go through their text: DuckDB would read a long fraction as a decimal first,
    and build a time from seconds that are a double.
    """
    type_text = ibis_type(kind)
    if kind.name is TypeName.FLOAT:
        return _text(repr(value)).cast(type_text)
    if isinstance(value, datetime):
        return _text(value.isoformat()).cast(type_text)
    return ibis().literal(value, type=type_text)


def literals(values: Sequence[Value], kind: DataType) -> list[Expression]:
    """Each value as a literal of the column's type."""
    return [literal(value, kind) for value in values]


def _text(text: str) -> Expression:
    return ibis().literal(text, type="string")

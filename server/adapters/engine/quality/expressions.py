"""Each check of a row as an Ibis expression that is true for a failing row, the same on DuckDB and Spark."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias, assert_never

from server.adapters.engine.batch_table import Expression, ibis_type
from server.adapters.engine.on_demand import ibis
from server.adapters.engine.quality.formats import digit_columns, written_as
from server.adapters.engine.quality.rules import FieldCondition, ReadyRule
from server.kernel.fields import DataType, Field, TypeName
from server.kernel.quality_checks import (
    After,
    Before,
    Between,
    Compare,
    Format,
    Formatted,
    IsNull,
    Length,
    Matches,
    NoneOf,
    NotNull,
    OneOf,
    Value,
)
from server.kernel.quality_measures import COMPARISONS

RowCheck: TypeAlias = Compare | Between | OneOf | NoneOf | NotNull | Matches | Length | Before | After | Formatted


def prepared(batch: Expression, rules: Sequence[ReadyRule]) -> Expression:
    """The batch with the columns that checksums of its rules read."""
    columns: dict[str, Expression] = {}
    for rule in rules:
        if isinstance(rule.check, Formatted) and rule.field is not None:
            for part, made in digit_columns(rule.check.format, batch[rule.field.name]).items():
                columns[_digits_name(rule.check.format, part, rule.field)] = made
    return batch.mutate(**columns) if columns else batch


def fails(check: RowCheck, table: Expression, field: Field) -> Expression:
    """True where a row of the prepared table breaks the check; null, and so not counted, where the value is null."""
    if isinstance(check, Formatted):
        return ~_written_as(check.format, table, field)
    return _breaks(check, table[field.name], field.data_type)


def meets(table: Expression, condition: FieldCondition | None) -> Expression | None:
    """True for the rows that a rule judges; None where it judges all."""
    return None if condition is None else met_by(table[condition.field.name], condition)


def met_by(column: Expression, condition: FieldCondition) -> Expression:
    """True where the column, of the type of the condition's field, is as the condition says."""
    wanted = condition.condition
    return column.isnull() if isinstance(wanted, IsNull) else ~_breaks(wanted, column, condition.field.data_type)


def both(one: Expression, other: Expression | None) -> Expression:
    """Where both are true."""
    return one if other is None else one & other


def _breaks(check: RowCheck, column: Expression, kind: DataType) -> Expression:
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
        case Before(moment=moment):
            return column >= literal(moment, kind)
        case After(moment=moment):
            return column <= literal(moment, kind)
        case Formatted():
            raise AssertionError("a format is judged on the table, not on one column")
        case _:
            assert_never(check)


def _written_as(form: Format, table: Expression, field: Field) -> Expression:
    column = table[field.name]
    parts = {part: table[_digits_name(form, part, field)] for part in digit_columns(form, column)}
    return written_as(form, column, parts)


def _digits_name(form: Format, part: str, field: Field) -> str:
    return f" {form} {part} of {field.name}"  # no column of a schema starts with a space


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

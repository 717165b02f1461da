"""Coarser values: dates cut to a period, numbers to a step or a band, texts to their first characters."""

from decimal import Context, Decimal
from typing import assert_never

from server.adapters.engine.batch_table import Expression, ibis_type
from server.adapters.engine.on_demand import ibis
from server.kernel.fields import DataType, TypeName
from server.kernel.privacy_params import Generalization, Period, ToBand, ToPeriod, ToPrefix, ToStep

UNITS = {Period.MONTH: "M", Period.QUARTER: "Q", Period.YEAR: "Y"}
SMALLEST_INT = -(2**63)
EXACT = Context(prec=60)  # digits: more than two numbers of 38 need
WHOLE_FLOATS = 2**53  # beyond it floats have no fraction, and a quotient says nothing of the step


def generalized(column: Expression, kind: DataType, way: Generalization) -> Expression:
    """The column's values made coarser; null stays null."""
    match way:
        case ToPeriod(period=period):
            start = column.truncate(UNITS[period])
            return start if kind.name is TypeName.DATETIME else start.cast("timestamp").cast("date")
        case ToStep(step=step):
            return _stepped(column, kind, step)
        case ToBand():
            return _banded(column, kind, way)
        case ToPrefix(length=length):
            return column.substr(0, length)
        case _:
            assert_never(way)


def _stepped(column: Expression, kind: DataType, step: Decimal) -> Expression:
    if kind.name is TypeName.FLOAT:
        size = float(step)
        return (column.abs() < size * WHOLE_FLOATS).ifelse((column / size).floor() * size, column)
    size = _literal(step, kind)
    above = (column % size + size) % size
    least = Decimal(SMALLEST_INT) if kind.name is TypeName.INT else Decimal(f"-{'9' * kind.precision}e-{kind.scale}")
    # the lowest step of a type is cut off where the type ends; Ibis leaves out a cast that it takes for none
    below = column < _literal(EXACT.add(least, step), kind)
    return held(below.ifelse(_literal(least, kind), column - above), kind)


def held(expression: Expression, kind: DataType) -> Expression:
    """A sum in the column's own type: DuckDB widens decimals, which Ibis does not know of."""
    wide = f"decimal(38, {kind.scale})"
    return expression.cast(wide).cast(ibis_type(kind)) if kind.name is TypeName.DECIMAL else expression


def _banded(column: Expression, kind: DataType, way: ToBand) -> Expression:
    cases = [(column.isnull(), ibis().null("string"))]
    for bound, label in zip(way.bounds, way.labels, strict=False):
        cases.append((column < _literal(bound, kind), ibis().literal(label)))
    return ibis().cases(*cases, else_=way.labels[-1])


def _literal(number: Decimal, kind: DataType) -> Expression:
    match kind.name:
        case TypeName.INT:
            return ibis().literal(int(number), "int64")
        case TypeName.DECIMAL:
            return ibis().literal(f"{number:f}").cast(ibis_type(kind))  # a bare one may pass through a float
        case _:
            return ibis().literal(float(number), "float64")

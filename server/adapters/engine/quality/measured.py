"""Checks of a batch as a whole: what the engine measures for each, and whether that is good enough."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from fractions import Fraction
from typing import Any, TypeAlias, assert_never

from server.adapters.engine.batch_table import Expression
from server.adapters.engine.quality.expressions import both, meets
from server.adapters.engine.quality.rules import ReadyRule
from server.kernel.fields import Field, TypeName
from server.kernel.quality_checks import Aggregate, Fresh, Measure, RowCount
from server.kernel.quality_measures import COMPARISONS, Figure, within

MeasuredCheck: TypeAlias = RowCount | Aggregate | Fresh
Found: TypeAlias = Mapping[str, Any]
"""What the engine measured, by the names of `measured`; null where there was no value."""


def measured(table: Expression, rule: ReadyRule, check: MeasuredCheck) -> dict[str, Expression]:
    """What the engine measures, by a name."""
    where = meets(table, rule.condition)
    if isinstance(check, RowCount):
        return {"rows": _rows(table, where)}
    assert rule.field is not None, "only row_count and unique with stand without a column"
    column = table[rule.field.name]
    if isinstance(check, Fresh):
        return {"newest": column.max(where=where)}
    match check.measure:
        case Measure.DISTINCT_COUNT:
            return {"figure": column.nunique(where=where)}
        case Measure.NULL_FRACTION:
            return {"nulls": _rows(table, both(column.isnull(), where)), "rows": _rows(table, where)}
        case Measure.MEAN:
            return {"sum": _exact(column, rule.field).sum(where=where), "values": column.count(where=where)}
        case Measure.SUM:
            return {"figure": _exact(column, rule.field).sum(where=where)}
        case Measure.MIN:
            return {"figure": column.min(where=where)}
        case Measure.MAX:
            return {"figure": column.max(where=where)}
        case _:
            assert_never(check.measure)


def holds(check: MeasuredCheck, found: Found, now: datetime) -> bool:
    """Whether the batch is as the check says. Without any value there is nothing to judge, and it is."""
    match check:
        case RowCount(operator=comparison, count=count):
            return bool(COMPARISONS[comparison](found["rows"], count))
        case Fresh(limit=limit):
            newest: date | None = found["newest"]
            return newest is None or now - _instant(newest) <= limit
        case Aggregate(measure=measure, bound=bound):
            figure = _figure(measure, found)
            return figure is None or within(figure, bound)
        case _:
            assert_never(check)


def _figure(measure: Measure, found: Found) -> Figure | None:
    match measure:
        case Measure.NULL_FRACTION:
            return Fraction(found["nulls"], found["rows"]) if found["rows"] else None
        case Measure.MEAN:
            total = found["sum"]
            if total is None or isinstance(total, float):
                return None if total is None else total / found["values"]
            return Fraction(total) / int(found["values"])
        case Measure.DISTINCT_COUNT | Measure.SUM | Measure.MIN | Measure.MAX:
            figure: Figure | None = found["figure"]
            return figure
        case _:
            assert_never(measure)


def _rows(table: Expression, where: Expression | None) -> Expression:
    return table.count() if where is None else table.count(where=where).fill_null(0)  # Spark sums no rows to null


def _exact(column: Expression, field: Field) -> Expression:
    """Whole numbers as wide decimals, whose sum neither wraps nor stops at 64 bits on any engine."""
    return column.cast("decimal(38, 0)") if field.data_type.name is TypeName.INT else column


def _instant(value: date) -> datetime:
    """A date is its midnight, as in literals."""
    return value if isinstance(value, datetime) else datetime.combine(value, time(), UTC)

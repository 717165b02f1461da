"""Failing rows to look at: a few of each rule, with personal columns covered before they leave the engine."""

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

import duckdb

from server.adapters.engine.batch_table import ROW_ID, Expression
from server.adapters.engine.on_demand import ibis
from server.adapters.engine.quality.expressions import RowCheck, both, fails, meets
from server.adapters.engine.quality.groups import GroupCheck, failing
from server.adapters.engine.quality.rules import ReadyRule
from server.adapters.engine.quality.tables import CheckTables
from server.kernel.fields import Field
from server.kernel.filter_values import Value, json_of
from server.kernel.quality_checks import Aggregate, Fresh, Refers, RowCount, Unique, UniqueInDataset, UniqueWith

ROWS = 5
TEXT_LENGTH = 500  # characters of a cell that a sample shows
COVERED = "***"

Sample: TypeAlias = Mapping[str, str | int | float | bool | None]
"""A row by column name, as JSON holds it: decimals, dates and times as text."""


def failing_rows(
    cursor: duckdb.DuckDBPyConnection, tables: CheckTables, rule: ReadyRule, failed: int, covered: Collection[str]
) -> tuple[Sample, ...]:
    """The first of the `failed` rows, by `_id`; of uniqueness those of the smallest repeated values."""
    expression = sampled(tables, rule, failed, covered) if failed else None
    if expression is None:
        return ()
    names = [ROW_ID, *(each.name for each in tables.fields)]
    rows = sorted(tables.fetch(cursor, expression))  # the ids are apart, so nothing else is compared
    return tuple(dict(zip(names, map(shown, row), strict=True)) for row in rows)


def sampled(tables: CheckTables, rule: ReadyRule, failed: int, covered: Collection[str]) -> Expression | None:
    """The rows to look at; None for a check of the batch as a whole."""
    if isinstance(check := rule.check, RowCount | Aggregate | Fresh):
        return None
    first = _failing(tables, rule, check).limit(min(failed, ROWS))  # found, the engine reads no further
    return _shown_columns(first, tables.fields, covered)


def _failing(tables: CheckTables, rule: ReadyRule, check: RowCheck | GroupCheck) -> Expression:
    if isinstance(check, Unique | UniqueWith | UniqueInDataset | Refers):
        return failing(tables, rule, check, ROWS).order_by(ROW_ID)  # which joins do not keep
    assert rule.field is not None, "a check of rows is of a column"
    rows = tables.rows  # in the order of the file, which is that of `_id`
    return rows.filter(both(fails(check, rows, rule.field), meets(rows, rule.condition)))


def _shown_columns(first: Expression, fields: Sequence[Field], covered: Collection[str]) -> Expression:
    cells = {
        field.name: _covered(first[field.name]) if field.name in covered else first[field.name] for field in fields
    }
    return first.select(first[ROW_ID], **cells)


def _covered(column: Expression) -> Expression:
    return column.isnull().ifelse(ibis().null("string"), COVERED)


def shown(value: Value | None) -> str | int | float | bool | None:
    """A cell as JSON holds it: decimals, dates and times as text, long texts cut."""
    plain = json_of(value)
    return f"{plain[:TEXT_LENGTH]}..." if isinstance(plain, str) and len(plain) > TEXT_LENGTH else plain

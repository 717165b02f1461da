"""Failing rows to look at: a few of each rule, with personal columns covered before they leave the engine."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias

import duckdb

from server.adapters.engine.batch_table import ROW_ID, Expression, batch_table, rows_of
from server.adapters.engine.on_demand import ibis
from server.adapters.engine.quality_expressions import RowCheck, failing, repeated
from server.kernel.fields import Field
from server.kernel.quality_checks import Unique

ROWS = 5
TEXT_LENGTH = 500  # characters of a cell that a sample shows
COVERED = "***"

Sample: TypeAlias = Mapping[str, str | int | float | bool | None]
"""A row by column name, as JSON holds it: decimals, dates and times as text."""


def failing_rows(
    cursor: duckdb.DuckDBPyConnection,
    parquet: Path,
    fields: Sequence[Field],
    field: Field,
    check: RowCheck | Unique,
    covered: Collection[str],
) -> tuple[Sample, ...]:
    """The first rows, by `_id`, that fail the check of `field`; of `unique` those of the smallest repeated values."""
    table = batch_table(fields)
    expression = _first(_failing(table, field, check), fields, covered)
    names = [ROW_ID, *(each.name for each in fields)]
    rows = sorted(rows_of(cursor, parquet, expression))  # the ids are apart, so nothing else is compared
    return tuple(dict(zip(names, map(_shown, row), strict=True)) for row in rows)


def _failing(table: Expression, field: Field, check: RowCheck | Unique) -> Expression:
    if isinstance(check, Unique):
        values = repeated(table, field.name).order_by("value").limit(ROWS)
        return table.filter(table[field.name].isin(values.value))
    return table.filter(failing(check, table[field.name], field.data_type))


def _first(rows: Expression, fields: Sequence[Field], covered: Collection[str]) -> Expression:
    first = rows.order_by(ROW_ID).limit(ROWS)
    cells = {
        field.name: _covered(first[field.name]) if field.name in covered else first[field.name] for field in fields
    }
    return first.select(first[ROW_ID], **cells)


def _covered(column: Expression) -> Expression:
    return column.isnull().ifelse(ibis().null("string"), COVERED)


def _shown(value: object) -> str | int | float | bool | None:
    match value:
        case None | bool() | int() | float():
            return value
        case datetime():  # before date, which it also is
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case Decimal():
            return f"{value:f}"
        case _:
            text = str(value)
            return text if len(text) <= TEXT_LENGTH else f"{text[:TEXT_LENGTH]}..."

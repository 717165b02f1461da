"""Reading records: pages, counts and whole tables of the rows in many files, each row as the text that leaves."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import duckdb

from server.adapters.engine.batch_table import Expression, batch_table, quoted
from server.adapters.engine.on_demand import ibis
from server.adapters.engine.records.filters import behind, holds, sorted_by
from server.adapters.engine.records.text import json_row
from server.adapters.engine.records.view import view_of
from server.adapters.engine.source import Source, noticing_gone
from server.kernel.errors import LimitExceeded
from server.kernel.fields import Field
from server.kernel.filter_values import Value
from server.kernel.filters import AllOf, equals
from server.kernel.record import record
from server.kernel.row_schema import Order

MAX_PAGE = 32_000_000  # characters of a page, which is held as a whole on its way out
FETCHED = 64  # rows


@record
class Rows:
    """The rows that are meant: those of `sources` under the columns `fields` for which `condition` holds."""

    sources: tuple[Source, ...]
    fields: tuple[Field, ...]
    condition: AllOf


@record
class RowPage:
    """Some rows in their order. `texts`: each as a JSON object; `first`, `last`: their places in the order.

    A place holds the values of the order's columns; None on an empty page.
    """

    texts: tuple[str, ...]
    first: tuple[Value | None, ...] | None
    last: tuple[Value | None, ...] | None
    has_next: bool


@record
class Statement:
    """SQL with the values of its parameters."""

    sql: str
    parameters: Mapping[str, Any]  # of DuckDB's types


def read_page(
    cursor: duckdb.DuckDBPyConnection,
    rows: Rows,
    shown: Sequence[Field],
    orders: Sequence[Order],
    first: int,
    after: Sequence[Value | None] | None,
) -> RowPage:
    """`first` rows behind the place `after`, with the columns `shown`. Raises: LimitExceeded."""
    table = batch_table(rows.fields)
    kept = table.filter(holds(table, rows.condition))
    if after is not None:
        kept = kept.filter(behind(kept, orders, after))
    sorted_rows = kept.order_by(sorted_by(kept, orders)).limit(first + 1)
    written = json_row(shown)
    keys = ", ".join(quoted(order.field.name) for order in orders)
    statement = _over_files(rows, f"select {written.sql}, {keys}", sorted_rows, written.parameters)
    found = _bounded(cursor, rows, statement)
    page = found[:first]
    return RowPage(
        texts=tuple(text for text, *_ in page),
        first=_place(page[0]) if page else None,
        last=_place(page[-1]) if page else None,
        has_next=len(found) > first,
    )


def known_count(rows: Rows) -> int | None:
    """How many rows are meant, if there is no condition: then the catalog knows, and no file is opened."""
    return None if rows.condition.conditions else sum(source.rows for source in rows.sources)


def count_rows(cursor: duckdb.DuckDBPyConnection, rows: Rows) -> int:
    """How many rows are meant."""
    table = batch_table(rows.fields)
    kept = table.filter(holds(table, rows.condition))
    counted = kept.aggregate(rows=kept.count())
    statement = _over_files(rows, "select *", counted, {})
    return int(_answer(cursor, rows, statement)[0][0])


def all_rows(rows: Rows, select: str, parameters: Mapping[str, Any]) -> Statement:
    """Every row that is meant, batch by batch in the order of their files. `select`: SQL of what is read of each."""
    table = batch_table(rows.fields)
    return _over_files(rows, f"select {select}", table.filter(holds(table, rows.condition)), parameters)


def _answer(cursor: duckdb.DuckDBPyConnection, rows: Rows, statement: Statement) -> list[tuple[Any, ...]]:
    with noticing_gone(rows.sources):
        return cursor.execute(statement.sql, statement.parameters).fetchall()


def _bounded(cursor: duckdb.DuckDBPyConnection, rows: Rows, statement: Statement) -> list[tuple[Any, ...]]:
    """Rows that begin with a text, taken as long as the texts make a page."""
    found: list[tuple[Any, ...]] = []
    length = 0
    with noticing_gone(rows.sources):
        cursor.execute(statement.sql, statement.parameters)
        while some := cursor.fetchmany(FETCHED):
            found += some
            length += sum(len(text) for text, *_ in some)
            if length > MAX_PAGE:
                raise LimitExceeded(
                    f"the first {len(found)} rows of this page have over {MAX_PAGE} characters already; ask for fewer"
                    " rows or fields, or read them by streamUrl",
                    field="first",
                    limit=MAX_PAGE,
                )
    return found


def _over_files(rows: Rows, select: str, expression: Expression, parameters: Mapping[str, Any]) -> Statement:
    view = view_of(_needed(rows), rows.fields)
    compiled = ibis().to_sql(expression, dialect="duckdb")
    sql = f"{view.sql} {select} from ({compiled}) as kept"
    return Statement(sql=sql, parameters={**view.parameters, **parameters})


def _needed(rows: Rows) -> tuple[Source, ...]:
    """Without the files of batches that the condition leaves out by `_id` or `_batch_id`."""
    batches, ids = equals(rows.condition, "_batch_id"), equals(rows.condition, "_id")
    if ids is not None:
        of_ids = frozenset(str(one).rpartition("-")[0] for one in ids)
        batches = of_ids if batches is None else batches & of_ids
    if batches is None:
        return rows.sources
    return tuple(source for source in rows.sources if not source.holds or not batches.isdisjoint(source.holds))


def _place(row: Sequence[Any]) -> tuple[Value | None, ...]:  # of DuckDB's types
    return tuple(value.astimezone(UTC) if isinstance(value, datetime) else value for value in row[1:])

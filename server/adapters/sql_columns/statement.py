"""A statement taken apart: what it writes, and the query behind it, every table and column under its folded name."""

from collections.abc import Collection

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from server.kernel.fields import folded
from server.kernel.record import record

REAL = "\0"  # before the name of a table that is no part of the statement itself


class Unclear(Exception):
    """The columns cannot be told; its text says why, without values of the SQL."""


@record
class Statement:
    """The query; the last part of the name of what it fills, and the columns that it lists there."""

    query: exp.Query
    written: str | None
    listed: tuple[str, ...] | None
    inserts: bool


def shown(name: str) -> str:
    """A name of the SQL, fit for a message."""
    return repr(name.removeprefix(REAL)[:80])


def parse(sql: str, dialect: str | None) -> Statement:
    """The one statement of a text. Raises: Unclear."""
    if "\0" in sql:
        raise Unclear("the SQL holds a null character")
    try:
        found = [each for each in sqlglot.parse(sql, dialect=dialect) if each is not None]
    except ParseError as error:
        at = error.errors[0] if error.errors else {}
        place = f" at line {at['line']}, column {at['col']}" if at.get("line") else ""
        raise Unclear(f"the SQL cannot be read as {dialect or 'standard SQL'}{place}") from None
    except TokenError:
        raise Unclear(f"the SQL cannot be read as {dialect or 'standard SQL'}: a quote or a comment is open") from None
    if len(found) != 1:
        raise Unclear(f"the SQL holds {len(found)} statements; one is read")
    return _taken_apart(found[0])


def _taken_apart(statement: exp.Expr) -> Statement:
    match statement:
        case exp.Insert():
            if statement.args.get("conflict") or statement.args.get("alternative"):
                raise Unclear("the INSERT changes rows that are there already")
            if statement.args.get("by_name"):
                return _filled(statement, inserts=False)
            return _filled(statement, inserts=True)
        case exp.Create():
            if statement.kind not in ("TABLE", "VIEW"):
                raise Unclear(f"a CREATE {str(statement.kind)[:40]} fills no table")
            return _filled(statement, inserts=False)
        case exp.Query():
            return Statement(query=statement, written=None, listed=None, inserts=False)
        case _:
            raise Unclear("the SQL is no SELECT, INSERT ... SELECT or CREATE ... AS SELECT")


def _filled(statement: exp.Insert | exp.Create, *, inserts: bool) -> Statement:
    query = statement.expression
    if isinstance(query, exp.Subquery):
        query = query.unnest()
    if not isinstance(query, exp.Query):
        raise Unclear("the statement has no SELECT of which its rows come")
    if (named := statement.args.get("with_")) is not None:
        if query.args.get("with_") is not None:
            raise Unclear("the statement and its SELECT both name queries by WITH")
        query.set("with_", named.pop())
    place = statement.this
    listed = None
    if isinstance(place, exp.Schema):
        listed = tuple(folded(column.name) for column in place.expressions if isinstance(column, _COLUMN)) or None
        place = place.this
    if not isinstance(place, exp.Table):
        raise Unclear("what the statement fills is no table")
    return Statement(query=query, written=folded(place.name), listed=listed, inserts=inserts)


_COLUMN = (exp.Identifier, exp.ColumnDef, exp.Column)


def fold(query: exp.Query) -> None:
    """Fold every name in the query, and mark the tables that it surely does not make itself. Raises: Unclear.

    Names are compared without case, quoted or not: registered names that differ only by case are one.
    """
    if any(each.args.get("recursive") for each in query.find_all(exp.With)):
        raise Unclear("the SQL is recursive")
    for identifier in list(query.find_all(exp.Identifier)):
        identifier.set("this", folded(identifier.name))
        identifier.set("quoted", True)
    made = {cte.alias for cte in query.find_all(exp.CTE)}
    tables = list(query.find_all(exp.Table))
    prefixes = {(table.db, table.name) for table in tables if table.db}
    for table in tables:
        _mark(table, made)
    for column in query.find_all(exp.Column):
        if column.args.get("db") is not None:
            if (column.text("db"), column.table) not in prefixes:
                raise Unclear(f"column {shown(column.name)} is named with more than its table")
            column.set("db", None)
            column.set("catalog", None)


def _mark(table: exp.Table, made: Collection[str]) -> None:
    """Mark a table; one of the same name as a query of the statement may be that query and stays as it is."""
    if not isinstance(table.this, exp.Identifier):
        raise Unclear("a function stands where a table is read")
    if table.args.get("pivots"):
        raise Unclear("a PIVOT or UNPIVOT makes its columns")
    if not table.db and table.name in made:
        return
    if not table.alias:
        table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name, quoted=True)))
    table.set("this", exp.to_identifier(REAL + table.name, quoted=True))
    table.set("db", None)
    table.set("catalog", None)

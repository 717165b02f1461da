"""A subject in the rows of bronze: which go, and which cells of others hold the id as a word."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import duckdb

from server.adapters.engine.batch_table import ROW_ID, quoted
from server.adapters.engine.erasure.files import Mended
from server.adapters.engine.erasure.subject import Matcher
from server.adapters.engine.ingest.primary_keys import ORDINAL_DIGITS
from server.adapters.engine.records.view import text_of
from server.kernel.exact_values import date_of, datetime_of, fits_decimal
from server.kernel.fields import DataType, Field, TypeName
from server.kernel.record import record

ORDINAL = f"right({ROW_ID}, {ORDINAL_DIGITS})::bigint"
FETCHED = 1_024
_NUMBERS = (TypeName.INT, TypeName.FLOAT, TypeName.DECIMAL)
_TEXTS = (TypeName.STRING, TypeName.JSON)


@record
class FoundRows:
    """Ordinals of rows that go, and cells of rows that stay."""

    rows: frozenset[int] = frozenset()
    mended: frozenset[Mended] = frozenset()


def rows_by_number(
    cursor: duckdb.DuckDBPyConnection, bronze: Path, fields: Sequence[Field], matcher: Matcher
) -> frozenset[int]:
    """The rows in which a number is the id: what the text of raw need not show."""
    number = matcher.number
    if number is None:
        return frozenset()
    fitting = [field for field in fields if field.data_type.name in _NUMBERS and _fits(number, field.data_type)]
    found: set[int] = set()
    for field in fitting:  # one at a time, so that the smallest and largest value of a column rule its file out
        value = int(number) if field.data_type.name is TypeName.INT else number
        given = float(number) if field.data_type.name is TypeName.FLOAT else value
        found |= _ordinals(cursor, bronze, f"{quoted(field.name)} = $value", given)
    return frozenset(found)


def rows_by_text(
    cursor: duckdb.DuckDBPyConnection, bronze: Path, fields: Sequence[Field], matcher: Matcher
) -> FoundRows:
    """The rows in which a text, a date or a time is the id, and the texts that hold it as a word."""
    rows = set(_rows_by_time(cursor, bronze, fields, matcher))
    mended: set[Mended] = set()
    texts = [field for field in fields if field.data_type.name in _TEXTS]
    if not texts:
        return FoundRows(rows=frozenset(rows))
    columns = ", ".join(quoted(field.name) for field in texts)
    spellings = {f"s{place}": spelling for place, spelling in enumerate(matcher.sought)}
    cells = [f"lower({quoted(field.name)})" if matcher.any_case else quoted(field.name) for field in texts]
    held = " or ".join(f"contains({cell}, ${name})" for cell in cells for name in spellings)
    query = f"select {ORDINAL}, {columns} from read_parquet($bronze) where {held}"  # noqa: S608  # names of the schema, quoted
    found = cursor.execute(query, {"bronze": str(bronze), **spellings})
    while some := found.fetchmany(FETCHED):
        for ordinal, *held_cells in some:
            for field, cell in zip(texts, held_cells, strict=True):
                if cell is None:
                    continue
                left = _left_of(cell, field, matcher)
                if left is None:
                    rows.add(ordinal)
                elif left != cell:
                    mended.add(Mended(ordinal=ordinal, column=field.name))
    return FoundRows(rows=frozenset(rows), mended=frozenset(mended))


def _left_of(cell: str, field: Field, matcher: Matcher) -> str | None:
    left_of = matcher.left_of_key if field.subject_key else matcher.left_of
    return left_of(cell, is_json=field.data_type.name is TypeName.JSON)


def _rows_by_time(
    cursor: duckdb.DuckDBPyConnection, bronze: Path, fields: Sequence[Field], matcher: Matcher
) -> frozenset[int]:
    kind = None
    if date_of(matcher.text) is not None:
        kind = TypeName.DATE
    elif datetime_of(matcher.text) is not None:
        kind = TypeName.DATETIME
    found: set[int] = set()
    for field in fields:
        if field.data_type.name is kind:
            written = text_of(quoted(field.name), field.data_type)
            found |= _ordinals(cursor, bronze, f"{written} = $value", matcher.text)
    return frozenset(found)


def _ordinals(cursor: duckdb.DuckDBPyConnection, bronze: Path, condition: str, value: object) -> set[int]:
    query = f"select {ORDINAL} from read_parquet($bronze) where {condition}"  # noqa: S608  # names of the schema, quoted
    return {ordinal for (ordinal,) in cursor.execute(query, {"bronze": str(bronze), "value": value}).fetchall()}


def _fits(number: Decimal, kind: DataType) -> bool:
    """Whether a column of this kind can hold the number exactly."""
    if kind.name is TypeName.INT:
        return number == number.to_integral_value() and abs(number) < 2**63
    return kind.name is TypeName.FLOAT or fits_decimal(number, kind)

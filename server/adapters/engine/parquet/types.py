"""What a column of a Parquet file becomes: each value exactly or not at all, and no pair of types by guessing."""

import re
from typing import assert_never

from server.adapters.engine.ingest.block import MAX_RECORD
from server.adapters.engine.typed_text import YEARS, sql_type, typed_value
from server.kernel.fields import DataType, Field, TypeName
from server.kernel.record import record

_INTS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
_FLOATS = {"FLOAT", "DOUBLE"}
_MOMENTS = {"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP WITH TIME ZONE"}
_FINE_MOMENTS = {"TIMESTAMP_NS", "TIMESTAMPTZ_NS"}
_TEXT, _NOTHING = {"VARCHAR", "JSON"}, '"NULL"'
SHOWN_CHARACTERS = 2_000
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_NO_JSON = re.compile(r"\b(?:BLOB|BIT|INTERVAL|GEOMETRY)\b")
_DAYS = "date '0001-01-01' and date '9999-12-31'"


@record
class ParquetCell:
    """One field's cell. `value`: SQL of its typed value, null where there is none; `present`: whether there is a cell.

    `shown`: SQL of the cell as a reject shows it; `misfit`: why a cell without a value is set aside.
    """

    field: Field
    value: str
    present: str
    shown: str
    misfit: str

    def sound(self, place: int) -> str:
        """SQL of whether `v<place>`, which holds `value`, is as it should be; `p<place>` holds `present`."""
        return f"(v{place} is not null or not p{place})" if self.field.nullable else f"v{place} is not null"


def cell_of(field: Field, column: str, physical: str) -> ParquetCell | None:
    """The field's cell in a column of this type, by DuckDB's name; None where the two do not go together."""
    value = f"cast(null as {sql_type(field.data_type)})" if physical == _NOTHING else _value(field, column, physical)
    if value is None:
        return None
    return ParquetCell(
        field=field,
        value=value,
        present=f"{column} is not null",
        shown=_shown(column, physical),
        misfit=f"{field.name}: the value is not {_MISFIT[field.data_type.name].format(type=field.data_type)}",
    )


def missing_cell(field: Field) -> ParquetCell:
    """The cell of a field that the file has no column for."""
    return ParquetCell(
        field=field, value=f"cast(null as {sql_type(field.data_type)})", present="false", shown="null", misfit=""
    )


def _shown(column: str, physical: str) -> str:
    """Long text is cut, for one file may hold the same long text a million times."""
    if physical in _TEXT:
        return f"left({column}, {SHOWN_CHARACTERS})"
    nested = physical.endswith("]") or physical.startswith(("STRUCT", "MAP"))
    return f"left(to_json({column})::varchar, {SHOWN_CHARACTERS})" if nested else column


_MISFIT = {
    TypeName.STRING: f"text of up to {MAX_RECORD} bytes without NUL",
    TypeName.INT: "an int of 64 bits",
    TypeName.FLOAT: "a finite number",
    TypeName.DECIMAL: "a {type} exactly",
    TypeName.BOOLEAN: "a boolean",
    TypeName.DATE: "a date of the years 1 to 9999",
    TypeName.DATETIME: "a datetime of whole microseconds in the years 1 to 9999",
    TypeName.JSON: f"JSON of up to {MAX_RECORD} bytes",
}


def _value(field: Field, column: str, physical: str) -> str | None:  # one case for each type
    kind = field.data_type
    match kind.name:
        case TypeName.STRING:
            return _text(column if physical in _TEXT else f"{column}::varchar", physical in _TEXT | {"UUID"})
        case TypeName.INT:
            return f"try_cast({column} as bigint)" if physical in _INTS else None
        case TypeName.FLOAT:
            return (
                f"case when isfinite({column}::double) then {column}::double end"
                if physical in _INTS | _FLOATS
                else None
            )
        case TypeName.DECIMAL:
            return _decimal(kind, column, physical)
        case TypeName.BOOLEAN:
            return column if physical == "BOOLEAN" else None
        case TypeName.DATE:
            return _date(kind, column, physical)
        case TypeName.DATETIME:
            return _moment(kind, column, physical)
        case TypeName.JSON:
            return _json(kind, column, physical)
        case _:
            assert_never(kind.name)


def _text(text: str, fits: bool) -> str | None:
    # one case in the other: no text that is too long is searched
    whole = f"case when not contains({text}, chr(0)) then {text} end"
    return f"case when strlen({text}) <= {MAX_RECORD} then {whole} end" if fits else None


def _decimal(kind: DataType, column: str, physical: str) -> str | None:
    cast = f"try_cast({column} as {sql_type(kind)})"
    found = _DECIMAL.fullmatch(physical)
    if found is None:
        return cast if physical in _INTS else None
    if int(found[2]) <= kind.scale:
        return cast
    # the cast rounds: what would be cut off must be zeros
    return f"case when regexp_full_match({column}::varchar, '-?[0-9]+\\.[0-9]{{{kind.scale}}}0*') then {cast} end"


def _date(kind: DataType, column: str, physical: str) -> str | None:
    if physical == "DATE":
        return f"case when {column} between {_DAYS} then {column} end"
    if physical in ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"):
        day = f"{column}::date"
        return f"case when {column} = {day} and {day} between {_DAYS} then {day} end"
    return typed_value(kind, column) if physical in _TEXT else None


def _moment(kind: DataType, column: str, physical: str) -> str | None:
    if physical in _MOMENTS:
        return f"case when {column}::timestamptz between {YEARS} then {column}::timestamptz end"
    if physical in _FINE_MOMENTS:
        return f"case when epoch_ns({column}) % 1000 = 0 then {column}::timestamptz end"
    if physical in _TEXT:
        value = typed_value(kind, column)
        return f"case when {value} between {YEARS} then {value} end"
    return None


def _json(kind: DataType, column: str, physical: str) -> str | None:
    if _NO_JSON.search(physical):
        return None
    text = column if physical in _TEXT else f"to_json({column})::varchar"
    return f"case when strlen({text}) <= {MAX_RECORD} then {typed_value(kind, text)} end"

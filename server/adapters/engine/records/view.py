"""The rows of many files under one schema: columns that a file lacks are null, others are read as their type now."""

from collections.abc import Mapping, Sequence
from typing import Any, assert_never

from server.adapters.engine.batch_table import NAME, SYSTEM_TYPES, quoted
from server.adapters.engine.source import Source
from server.adapters.engine.typed_text import sql_type, typed_value
from server.kernel.compatibility import Reading, readable_as
from server.kernel.fields import DataType, Field, TypeName
from server.kernel.filters import SYSTEM_FIELDS
from server.kernel.record import record

INSTANT = "%Y-%m-%dT%H:%M:%S.%fZ"
_NUMBERS = frozenset({TypeName.INT, TypeName.FLOAT, TypeName.DECIMAL})
_DAYS = frozenset({TypeName.DATE, TypeName.DATETIME})


@record
class View:
    """The common table expression `batch` over the files, and the values of its parameters."""

    sql: str
    parameters: Mapping[str, Any]  # of DuckDB's types


def view_of(sources: Sequence[Source], fields: Sequence[Field]) -> View:
    """The system columns and `fields` of every row that counts. Files with equal columns are read together."""
    parameters: dict[str, Any] = {}
    selects: list[str] = []
    for place, group in enumerate(_groups(sources)):
        first = group[0]
        parameters[f"files_{place}"] = [str(source.path) for source in group]
        columns = _columns(first.fields, fields)
        # no text of a user's but identifiers of the schema, in quotes
        select = f"select {columns} from read_parquet($files_{place}, hive_partitioning = false)"  # noqa: S608
        if first.batches is not None:
            parameters[f"batches_{place}"] = list(first.batches)
            select += f" where list_contains($batches_{place}::varchar[], {quoted('_batch_id')})"
        selects.append(select)
    if not selects:
        known = (*SYSTEM_FIELDS, *fields)
        nothing = ", ".join(f"null::{sql_type(field.data_type)} as {quoted(field.name)}" for field in known)
        selects.append(f"select {nothing} where false")
    # not materialized: the filter and the order must reach the files
    return View(sql=f"with {NAME} as not materialized ({' union all '.join(selects)})", parameters=parameters)


def _groups(sources: Sequence[Source]) -> list[list[Source]]:
    """Files in their order as far as they are read alike; one of which only some batches count stands alone."""
    groups: dict[object, list[Source]] = {}
    for source in sources:
        columns = tuple((field.name, field.type) for field in source.fields)
        groups.setdefault(source.path if source.batches is not None else columns, []).append(source)
    return list(groups.values())


def _columns(stored: Sequence[Field], fields: Sequence[Field]) -> str:
    kinds = {field.name: field.data_type for field in stored}
    cells = [quoted(name) for name in SYSTEM_TYPES]
    for field in fields:
        column = quoted(field.name)
        old = kinds.get(field.name)
        value = f"null::{sql_type(field.data_type)}" if old is None else reading(column, old, field.data_type)
        cells.append(column if value == column else f"{value} as {column}")
    return ", ".join(cells)


def reading(column: str, old: DataType, new: DataType) -> str:
    """SQL of a stored column's values as values of another type, as `readable_as` says."""
    match readable_as(old, new):
        case Reading.SAME:
            return column
        case Reading.WIDENED:
            return f"{column}::{sql_type(new)}"
        case Reading.TEXT:
            return text_of(column, old)
        case Reading.TRIED:
            return _tried(column, old, new)


def text_of(column: str, kind: DataType) -> str:
    """SQL of a value written out: times in UTC with six digits of a second, decimals with all of their scale."""
    if kind.name in (TypeName.STRING, TypeName.JSON):
        return column
    return f"strftime({column}, '{INSTANT}')" if kind.name is TypeName.DATETIME else f"{column}::varchar"


def _tried(column: str, old: DataType, new: DataType) -> str:
    """A value that has an equal in the new type; null for others."""
    cast = f"try_cast({column} as {sql_type(new)})"
    match old.name:
        case TypeName.STRING:
            return typed_value(new, column)
        case TypeName.JSON:
            return typed_value(new, f"json_extract_string({column}, '$')" if new.name in _DAYS else column)
        case TypeName.INT | TypeName.FLOAT | TypeName.DECIMAL | TypeName.DATE | TypeName.DATETIME | TypeName.BOOLEAN:
            if new.name is TypeName.JSON:
                text = text_of(column, old)
                return f"to_json({text})::varchar" if old.name in _DAYS else text
            alike = {old.name, new.name} <= _NUMBERS or {old.name, new.name} <= _DAYS
            exact = f"case when {cast}::{sql_type(old)} = {column} then {cast} end"
            return exact if alike else f"null::{sql_type(new)}"
        case _:
            assert_never(old.name)

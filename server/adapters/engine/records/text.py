"""Rows written out by DuckDB itself as lines of JSON or CSV, so that no row is ever a Python object of many parts.

What surrounds the values goes in as bound parameters: names of columns never become text of the statement.
"""

from collections.abc import Mapping, Sequence

import orjson

from server.adapters.engine.batch_table import quoted
from server.adapters.engine.records.view import text_of
from server.kernel.fields import DataType, Field, TypeName
from server.kernel.record import record

LINE_END = "\r\n"  # RFC 4180
COMMA = ", ',', "  # between two arguments of concat


@record
class Written:
    """SQL of one row's text, and the values of its parameters."""

    sql: str
    parameters: Mapping[str, str]


def json_row(fields: Sequence[Field], *, end: str = "") -> Written:
    """The row as a JSON object followed by `end`; numbers keep every digit, times are RFC 3339 in UTC."""
    parts: list[str] = []
    parameters: dict[str, str] = {"row_end": f"}}{end}"}
    for place, field in enumerate(fields):
        parameters[f"name_{place}"] = f"{',' if place else '{'}{orjson.dumps(field.name).decode()}:"
        parts += [f"$name_{place}", f"coalesce({_json(quoted(field.name), field.data_type)}, 'null')"]
    return Written(sql=f"concat({', '.join(parts)}, $row_end)", parameters=parameters)


def csv_row(fields: Sequence[Field]) -> Written:
    """The row as a line of CSV: null is empty, every text is quoted, so that an empty one differs from null."""
    cells = [f"coalesce({_csv(quoted(field.name), field.data_type)}, '')" for field in fields]
    return Written(sql=f"concat({COMMA.join(cells)}, $row_end)", parameters={"row_end": LINE_END})


def csv_header(fields: Sequence[Field]) -> bytes:
    """The line of column names."""
    names = ('"' + field.name.replace('"', '""') + '"' for field in fields)
    return (",".join(names) + LINE_END).encode()


def _json(column: str, kind: DataType) -> str:
    match kind.name:
        case TypeName.STRING:
            return f"to_json({column})::varchar"
        case TypeName.JSON:  # as it came: DuckDB would round long fractions. Line ends in it are mere space.
            return f"translate({column}, chr(10) || chr(13), '  ')"
        case TypeName.DATE | TypeName.DATETIME:
            return f"""'"' || {text_of(column, kind)} || '"'"""
        case TypeName.INT | TypeName.FLOAT | TypeName.DECIMAL | TypeName.BOOLEAN:
            return f"{column}::varchar"


def _csv(column: str, kind: DataType) -> str:
    match kind.name:
        case TypeName.STRING | TypeName.JSON:
            return f"""'"' || replace({column}, '"', '""') || '"'"""
        case _:
            return text_of(column, kind)

"""Guarded casts: the SQL under which a cell's text becomes a value of its type, exactly or not at all."""

from collections.abc import Sequence
from typing import assert_never

from server.kernel.fields import DataType, Field, TypeName
from server.kernel.files import CsvOptions
from server.kernel.record import record

PLAIN = CsvOptions()
SPACES = "' \t'"
_ZONE = "(Z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)?"
_CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,6}0*)?)?"
_DATETIME = f"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{_CLOCK}{_ZONE}"
YEARS = "timestamptz '0001-01-01 00:00:00+00' and timestamptz '9999-12-31 23:59:59.999999+00'"
# DuckDB's JSON reader also takes NaN, Infinity and a comma before a closing bracket; JSON (RFC 8259) has none of them
_JSON_STRING = '"([^"\\\\]|\\\\.)*"'
_NOT_JSON = "(?i)nan|inf|,[ \\t\\r\\n]*[\\]}]"


@record
class Guard:
    """One field's cell. `value`: its typed value or null; `sound`: whether text and nullability agree with that.

    `sound` speaks of the column `v<place>` that holds the value; `blank`: whether the text stands for null;
    `misfit`: why any other cell is set aside, never with its text.
    """

    field: Field
    value: str
    sound: str
    blank: str
    misfit: str

    def reason(self, *, blank: bool) -> str:
        """Why a cell that is not sound was set aside."""
        return f"{self.field.name}: {'null, and the column is not nullable' if blank else self.misfit}"


_MISFIT = {
    TypeName.STRING: "not a string, which is text of whole characters without NUL",
    TypeName.INT: "not an int, which is digits with an optional sign, within 64 bits",
    TypeName.FLOAT: "not a float, which is a finite number{comma}",
    TypeName.DECIMAL: "not a {type}, which is digits with an optional {point}, within its precision and scale",
    TypeName.BOOLEAN: "not a boolean, which is true or false",
    TypeName.DATE: "not a date, which is YYYY-MM-DD",
    TypeName.DATETIME: "not a datetime, which is YYYY-MM-DDThh:mm:ss with up to 6 decimals, and Z or an offset",
    TypeName.JSON: "not JSON",
}


def guards_of(
    fields: Sequence[Field], columns: Sequence[int | None], options: CsvOptions = PLAIN, *, text_only: bool = False
) -> tuple[Guard, ...]:
    """A guard for each field, in the schema's order; its text is the column `c<place>` of the file, or missing.

    `text_only`: a string column takes no text with a NUL, as which other values are shown.
    """
    return tuple(
        _text_guard(field, f"c{column}")
        if text_only and column is not None and field.data_type.name is TypeName.STRING
        else _guard(field, place, column, options)
        for place, (field, column) in enumerate(zip(fields, columns, strict=True))
    )


def sql_type(kind: DataType) -> str:
    """DuckDB's type for the values."""
    match kind.name:
        case TypeName.STRING | TypeName.JSON:
            return "varchar"
        case TypeName.INT:
            return "bigint"
        case TypeName.FLOAT:
            return "double"
        case TypeName.DECIMAL:
            return f"decimal({kind.precision}, {kind.scale})"
        case TypeName.BOOLEAN:
            return "boolean"
        case TypeName.DATE:
            return "date"
        case TypeName.DATETIME:
            return "timestamptz"
        case _:
            assert_never(kind.name)


def _text_guard(field: Field, text: str) -> Guard:
    return Guard(
        field=field,
        value=text,
        sound=f"coalesce(not contains({text}, chr(0)), {'true' if field.nullable else 'false'})",
        blank=f"{text} is null",
        misfit=_MISFIT[TypeName.STRING],
    )


def _guard(field: Field, place: int, column: int | None, options: CsvOptions) -> Guard:
    kind = field.data_type
    if column is None:
        return Guard(field=field, value=f"cast(null as {sql_type(kind)})", sound="true", blank="true", misfit="")
    text = f"c{column}"
    if kind.name is TypeName.STRING:
        sound = "true" if field.nullable else f"{text} is not null"
        return Guard(field=field, value=text, sound=sound, blank=f"{text} is null", misfit="")
    told = f" or list_contains($nulls, trim({text}, {SPACES}))" if options.null_values else ""
    blank = f"({text} is null or trim({text}, {SPACES}) = ''{told})"
    present = f"v{place} between {YEARS}" if kind.name is TypeName.DATETIME else f"v{place} is not null"
    # a case looks at the text of those cells only that have no value
    sound = f"case when {present} then true else {blank if field.nullable else 'false'} end"
    comma = options.decimal_separator == "," and kind.name in (TypeName.FLOAT, TypeName.DECIMAL)
    point, decimals = ("comma", ", its decimals behind a comma") if comma else ("point", "")
    misfit = _MISFIT[kind.name].format(type=kind, point=point, comma=decimals)
    # a point where the comma stands for it becomes what no number has
    value = typed_value(kind, f"translate({text}, ',.', '._')" if comma else text)
    return Guard(field=field, value=value, sound=sound, blank=blank, misfit=misfit)


def typed_value(kind: DataType, text: str) -> str:
    """SQL of the value that the SQL `text` spells exactly; null where it spells none."""
    cast = f"try_cast({text} as {sql_type(kind)})"
    match kind.name:
        case TypeName.STRING:
            return text
        case TypeName.INT:
            # printing the value back is half the price of a pattern, and most cells are written as they are printed
            return f"case when {cast}::varchar = {text} or {_looks(text, '[+-]?[0-9]+')} then {cast} end"
        case TypeName.FLOAT:
            return f"case when isfinite({cast}) and not contains({text}, '_') then {cast} end"
        case TypeName.DECIMAL:
            point = f"(\\.[0-9]{{1,{kind.scale}}})?" if kind.scale else ""
            return f"case when {_looks(text, f'[+-]?[0-9]+{point}')} then {cast} end"
        case TypeName.BOOLEAN:
            word = f"lower(trim({text}, {SPACES}))"
            return (
                f"case when {text} = 'true' then true when {text} = 'false' then false"
                f" when {word} = 'true' then true when {word} = 'false' then false end"
            )
        case TypeName.DATE:
            written = [
                f"strlen({bare}) = 10 and {cast}::varchar = {bare}" for bare in (text, f"trim({text}, {SPACES})")
            ]
            return f"case when {written[0]} then {cast} when {written[1]} then {cast} end"
        case TypeName.DATETIME:
            return f"case when {_looks(text, _DATETIME)} then {cast} end"
        case TypeName.JSON:
            bare = f"trim({text}, ' \t\r\n')"
            shape = f"regexp_replace({text}, '{_JSON_STRING}', '\"\"', 'g')"
            lenient = f"regexp_matches({text}, '{_NOT_JSON}') and regexp_matches({shape}, '{_NOT_JSON}')"
            return f"case when not json_valid({text}) then null when {lenient} then null else {bare} end"
        case _:
            assert_never(kind.name)


def _looks(text: str, pattern: str) -> str:
    return f"regexp_full_match({text}, '[ \t]*{pattern}[ \t]*')"

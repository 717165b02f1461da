"""From a JSON value of a filter to a value of the column's type, exactly or not at all."""

import math
import re
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias, assert_never

from server.kernel.exact_values import INT64, date_of, datetime_of, fits_decimal
from server.kernel.fields import DataType, TypeName

Value: TypeAlias = str | int | float | Decimal | bool | date | datetime
"""What a column of any type holds, null aside; JSON columns hold their text."""

_NUMBER = re.compile(r"[+-]?\d{1,100}(\.\d{1,100})?", re.ASCII)


def value_of(given: Any, kind: DataType) -> Value | None:  # any JSON value
    """`given` as a value of the type; None where it is none. A time without zone is UTC."""
    match kind.name:
        case TypeName.STRING | TypeName.JSON:
            return given if isinstance(given, str) else None
        case TypeName.INT:
            return given if type(given) is int and given in INT64 else None  # a bool is an int to isinstance
        case TypeName.FLOAT:
            return _float(given)
        case TypeName.DECIMAL:
            return _decimal(given, kind)
        case TypeName.BOOLEAN:
            return given if isinstance(given, bool) else None
        case TypeName.DATE:
            return date_of(given) if isinstance(given, str) else None
        case TypeName.DATETIME:
            return datetime_of(given) if isinstance(given, str) else None
        case _:
            assert_never(kind.name)


def json_of(value: Value | None) -> str | int | float | bool | None:
    """The JSON value from which `value_of` reads the same value again."""
    match value:
        case datetime():  # before date, which it also is
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case Decimal():
            return f"{value:f}"
        case _:
            return value


def kind_of(given: Any) -> str:  # any JSON value
    """What a JSON value is, in words; never the value itself, which may be personal."""
    match given:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int():
            return "a whole number"
        case float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case _:
            return "an object"


def needed(kind: DataType) -> str:
    """What a value of the type looks like in JSON."""
    match kind.name:
        case TypeName.STRING | TypeName.JSON:
            return "a text"
        case TypeName.INT:
            return "a whole number of at most 64 bits"
        case TypeName.FLOAT:
            return "a number that a double can hold"
        case TypeName.DECIMAL:
            whole = kind.precision - kind.scale
            return f"a number, or its text, of at most {whole} digits before and {kind.scale} after the point"
        case TypeName.BOOLEAN:
            return "true or false"
        case TypeName.DATE:
            return 'a text such as "2024-01-31"'
        case TypeName.DATETIME:
            return 'a text such as "2024-01-31T12:00:00Z"'
        case _:
            assert_never(kind.name)


def _float(given: Any) -> float | None:
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    try:
        value = float(given)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None


def _decimal(given: Any, kind: DataType) -> Decimal | None:
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        return None
    if isinstance(given, str) and not _NUMBER.fullmatch(given):
        return None
    try:
        value = Decimal(repr(given) if isinstance(given, float) else given)
    except InvalidOperation:
        return None
    return value if value.is_finite() and fits_decimal(value, kind) else None

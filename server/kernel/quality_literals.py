"""From a literal of a check to a value of the column's type, exactly or not at all."""

import math
import re
from datetime import UTC, date, datetime
from decimal import Context, Decimal
from typing import assert_never

from server.kernel.errors import BadUserInput
from server.kernel.fields import DataType, Field, TypeName
from server.kernel.quality_checks import Literal, Value

INT64 = range(-(2**63), 2**63)
_EXACT = Context(prec=400)  # more digits than the grammar can write without an exponent
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATETIME = re.compile(
    r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?)?", re.ASCII | re.IGNORECASE
)


def typed(literal: Literal, field: Field) -> Value:
    """The literal as a value of the column: a time without zone is UTC. Raises: BadUserInput."""
    kind = field.data_type
    value = _number(literal, kind) if isinstance(literal, Decimal) else _text(literal, kind)
    if value is None:
        written = str(literal) if isinstance(literal, Decimal) else f"'{literal[:80]}'"
        raise BadUserInput(f"{written} does not fit column {field.name!r} ({kind}): {_needed(kind)}", field="check")
    return value


def _number(literal: Decimal, kind: DataType) -> Value | None:
    match kind.name:
        case TypeName.INT:
            return int(literal) if literal == literal.to_integral_value() and int(literal) in INT64 else None
        case TypeName.FLOAT:
            return float(literal) if math.isfinite(float(literal)) else None
        case TypeName.DECIMAL:
            return literal if _fits(literal, kind) else None
        case TypeName.STRING | TypeName.BOOLEAN | TypeName.DATE | TypeName.DATETIME | TypeName.JSON:
            return None
        case _:
            assert_never(kind.name)


def _fits(literal: Decimal, kind: DataType) -> bool:
    if not literal:
        return True
    exponent = literal.normalize(_EXACT).as_tuple().exponent
    return isinstance(exponent, int) and -exponent <= kind.scale and literal.adjusted() < kind.precision - kind.scale


def _text(literal: str, kind: DataType) -> Value | None:
    match kind.name:
        case TypeName.STRING:
            return literal
        case TypeName.BOOLEAN:
            return {"true": True, "false": False}.get(literal.lower())
        case TypeName.DATE:
            return _date(literal)
        case TypeName.DATETIME:
            return _datetime(literal)
        case TypeName.INT | TypeName.FLOAT | TypeName.DECIMAL | TypeName.JSON:
            return None
        case _:
            assert_never(kind.name)


def _date(literal: str) -> date | None:
    try:
        return date.fromisoformat(literal) if _DATE.fullmatch(literal) else None
    except ValueError:
        return None


def _datetime(literal: str) -> datetime | None:
    if not (found := _DATETIME.fullmatch(literal)):
        return None
    fraction = found[3] or ""
    padded = literal.upper().replace(fraction, fraction.ljust(7, "0")) if fraction else literal.upper()
    try:
        moment = datetime.fromisoformat(padded)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _needed(kind: DataType) -> str:
    match kind.name:
        case TypeName.STRING:
            return "write a text in single quotes"
        case TypeName.INT:
            return "write a bare whole number of at most 64 bits"
        case TypeName.FLOAT:
            return "write a bare number that a double can hold"
        case TypeName.DECIMAL:
            whole = kind.precision - kind.scale
            return f"write a bare number of at most {whole} digits before and {kind.scale} after the point"
        case TypeName.BOOLEAN:
            return "write 'true' or 'false' in single quotes"
        case TypeName.DATE:
            return "write a date such as '2024-01-31' in single quotes"
        case TypeName.DATETIME:
            return "write a time such as '2024-01-31T12:00:00Z' in single quotes"
        case TypeName.JSON:
            return "a json column takes only the check not null"
        case _:
            assert_never(kind.name)

"""From a literal of a check to a value of the column's type, exactly or not at all."""

import math
from decimal import Decimal
from typing import assert_never

from server.kernel.errors import BadUserInput
from server.kernel.exact_values import INT64, date_of, datetime_of, fits_decimal
from server.kernel.fields import DataType, Field, TypeName
from server.kernel.quality_checks import Literal, Value


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
            return literal if fits_decimal(literal, kind) else None
        case TypeName.STRING | TypeName.BOOLEAN | TypeName.DATE | TypeName.DATETIME | TypeName.JSON:
            return None
        case _:
            assert_never(kind.name)


def _text(literal: str, kind: DataType) -> Value | None:
    match kind.name:
        case TypeName.STRING:
            return literal
        case TypeName.BOOLEAN:
            return {"true": True, "false": False}.get(literal.lower())
        case TypeName.DATE:
            return date_of(literal)
        case TypeName.DATETIME:
            return datetime_of(literal.upper())
        case TypeName.INT | TypeName.FLOAT | TypeName.DECIMAL | TypeName.JSON:
            return None
        case _:
            assert_never(kind.name)


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

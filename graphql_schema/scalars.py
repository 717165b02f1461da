"""Scalars beyond GraphQL's own."""

from datetime import UTC, datetime
from typing import Any, NewType

import strawberry
from strawberry.exceptions import StrawberryInputCoercionError
from strawberry.schema.config import StrawberryConfig

BigInt = NewType("BigInt", int)

_LARGEST = 2**63 - 1


def _parse_big_int(value: Any) -> int:  # whatever the client sent
    if isinstance(value, bool) or not isinstance(value, int) or not -_LARGEST - 1 <= value <= _LARGEST:
        raise ValueError(f"BigInt cannot represent {str(value)[:40]!r}; send a whole number of 64 bits")
    return value


BIG_INT = strawberry.scalar(
    name="BigInt", description="64-bit integer, a JSON number.", serialize=int, parse_value=_parse_big_int
)


def _parse_instant(value: Any) -> datetime:  # whatever the client sent
    instant = _instant(value) if isinstance(value, str) else None
    if instant is None:
        raise StrawberryInputCoercionError(
            f"DateTime cannot represent {str(value)[:40]!r}; send an instant with its zone, such as"
            " 2026-01-31T12:00:00Z",
            extensions={"code": "BAD_USER_INPUT"},
        )
    return instant


def _instant(text: str) -> datetime | None:
    """The instant in UTC; None for other text, and for the few hours of year 1 that UTC cannot hold."""
    try:
        instant = datetime.fromisoformat(text)
        return instant.astimezone(UTC) if instant.tzinfo else None
    except (ValueError, OverflowError):
        return None


DATE_TIME = strawberry.scalar(
    name="DateTime",
    description="An instant: RFC 3339 with its zone, such as 2026-01-31T12:00:00Z.",
    serialize=datetime.isoformat,
    parse_value=_parse_instant,
)

CONFIG = StrawberryConfig(scalar_map={BigInt: BIG_INT, datetime: DATE_TIME})

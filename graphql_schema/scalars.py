"""Scalars beyond GraphQL's own."""

from typing import Any, NewType

import strawberry
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

CONFIG = StrawberryConfig(scalar_map={BigInt: BIG_INT})

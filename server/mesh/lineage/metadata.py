"""An edge's metadata: any JSON object of bounded size and depth, in the form that Postgres keeps."""

import math
from typing import Any

import orjson

from server.kernel.errors import BadUserInput

LARGEST = 16_384  # bytes as JSON
DEEPEST = 16  # objects and lists within one another
SMALLEST_INTEGER, LARGEST_INTEGER = -(2**63), 2**64 - 1
FIELD = "metadata"


def check_metadata(value: Any) -> dict[str, Any]:  # any JSON
    """`value` itself, if it may be kept; an empty object for none. Raises: BadUserInput."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadUserInput('metadata is not a JSON object; write {"name": value, …}', field=FIELD)
    _check_values(value)
    size = len(orjson.dumps(value))
    if size > LARGEST:
        raise BadUserInput(f"metadata has {size} bytes as JSON; {LARGEST} are allowed", field=FIELD)
    return value


def _check_values(value: Any) -> None:  # any JSON
    waiting: list[tuple[Any, int]] = [(value, 1)]
    while waiting:
        each, depth = waiting.pop()
        if isinstance(each, dict | list) and depth > DEEPEST:
            raise BadUserInput(f"metadata is nested deeper than {DEEPEST} levels; flatten it", field=FIELD)
        match each:
            case dict():
                waiting.extend((key, depth) for key in each)
                waiting.extend((inner, depth + 1) for inner in each.values())
            case list():
                waiting.extend((inner, depth + 1) for inner in each)
            case float() if not math.isfinite(each):
                raise BadUserInput("metadata holds a number that is not finite; write it as a text", field=FIELD)
            case int() if not SMALLEST_INTEGER <= each <= LARGEST_INTEGER:
                raise BadUserInput("metadata holds an integer of more than 64 bits; write it as a text", field=FIELD)
            case str() if "\0" in each:
                raise BadUserInput("metadata holds the character NUL; take it out", field=FIELD)
            case str() if any("\ud800" <= sign <= "\udfff" for sign in each):
                raise BadUserInput("metadata holds half a surrogate pair; take it out", field=FIELD)
            case _:
                pass


def same(one: Any, other: Any) -> bool:  # any JSON
    """Whether two JSON values are equal; unlike in Python, true is not 1."""
    match one, other:
        case dict(), dict():
            return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
        case list(), list():
            return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
        case _:
            return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)

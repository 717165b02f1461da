"""What metadata may hold, up to its bounds and just beyond them."""

from typing import Any

import pytest

from server.kernel.errors import BadUserInput
from server.mesh.lineage.metadata import DEEPEST, LARGEST, check_metadata


def deep(levels: int) -> dict[str, Any]:
    value: Any = []
    for _ in range(levels - 2):
        value = [value]
    return {"a": value}


def large(size: int) -> dict[str, Any]:
    return {"a": "x" * (size - len('{"a":""}'))}


@pytest.mark.parametrize("most", [deep(DEEPEST), large(LARGEST), {"a": 2**64 - 1, "b": -(2**63)}, {"a": 1e308}, {}])
def test_takes_what_is_within_the_bounds(most: dict[str, Any]) -> None:
    assert check_metadata(most) is most


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (deep(DEEPEST + 1), "metadata is nested deeper than 16 levels; flatten it"),
        (large(LARGEST + 1), "metadata has 16385 bytes as JSON; 16384 are allowed"),
        ({"a": 2**64}, "metadata holds an integer of more than 64 bits; write it as a text"),
        ({"a": -(2**63) - 1}, "metadata holds an integer of more than 64 bits; write it as a text"),
        ({"a": [float("inf")]}, "metadata holds a number that is not finite; write it as a text"),
        ({"a": {"\0": 1}}, "metadata holds the character NUL; take it out"),
        ({"a": "\ud800"}, "metadata holds half a surrogate pair; take it out"),
        ([], 'metadata is not a JSON object; write {"name": value, …}'),
    ],
)
def test_refuses_what_is_beyond_them(value: Any, why: str) -> None:
    with pytest.raises(BadUserInput) as refused:
        check_metadata(value)
    assert (refused.value.message, refused.value.field) == (why, "metadata")


def test_none_is_an_empty_object() -> None:
    assert check_metadata(None) == {}

"""Semantic versions: read, written, compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.kernel.errors import BadUserInput
from server.kernel.semantic_version import SemanticVersion, parse_version

NUMBER = st.integers(0, 10**9 - 1)
VERSIONS = st.builds(SemanticVersion, major=NUMBER, minor=NUMBER, patch=NUMBER)


@given(VERSIONS)
def test_a_version_is_read_as_it_is_written(version: SemanticVersion) -> None:
    assert parse_version(str(version)) == version


@given(VERSIONS, VERSIONS)
def test_numbers_are_compared_as_numbers_from_the_left(one: SemanticVersion, other: SemanticVersion) -> None:
    numbers = [(version.major, version.minor, version.patch) for version in (one, other)]
    assert (one < other, one <= other, one > other) == (
        numbers[0] < numbers[1],
        numbers[0] <= numbers[1],
        numbers[0] > numbers[1],
    )


@pytest.mark.parametrize("text", ["", "1", "1.2", "1.2.3.4", "v1.2.3", "1.2.x", " 1.2.3", "1.2.3 ", "-1.2.3", "1.02.3"])
def test_refuses_what_is_no_version_and_says_what_is(text: str) -> None:
    with pytest.raises(BadUserInput, match=r"^version .* is not taken; write MAJOR\.MINOR\.PATCH, such as 1\.4\.0"):
        parse_version(text)


def test_a_refusal_shows_no_more_than_the_beginning_of_a_long_text() -> None:
    with pytest.raises(BadUserInput) as caught:
        parse_version("9" * 10_000)
    assert len(caught.value.message) < 300

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.adapters.sealing import Sealer
from server.kernel.errors import BadUserInput

SEALER = Sealer(b"k" * 32)


@given(st.binary(max_size=300))
def test_opens_what_it_sealed_and_shows_nothing_of_it(content: bytes) -> None:
    text = SEALER.seal("cursor", content)
    assert SEALER.open("cursor", text) == content
    assert text.isascii()
    assert not set(text) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert SEALER.seal("cursor", content) != text


def test_refuses_every_text_that_differs_in_one_character() -> None:
    text = SEALER.seal("cursor", b"secret")
    for place, letter in enumerate(text[:-1]):
        forged = text[:place] + ("B" if letter == "A" else "A") + text[place + 1 :]
        with pytest.raises(BadUserInput, match="this cursor was not made by this server"):
            SEALER.open("cursor", forged)


def test_refuses_what_was_sealed_for_another_purpose_or_by_another_key() -> None:
    text = SEALER.seal("cursor", b"secret")
    for sealer, purpose in ((SEALER, "address"), (Sealer(b"l" * 32), "cursor")):
        with pytest.raises(BadUserInput):
            sealer.open(purpose, text)


@given(st.text(max_size=60))
def test_refuses_any_other_text(text: str) -> None:
    with pytest.raises(BadUserInput):
        SEALER.open("cursor", text)


def test_refuses_a_text_of_a_million_characters() -> None:
    with pytest.raises(BadUserInput):
        SEALER.open("cursor", "A" * 1_000_001)

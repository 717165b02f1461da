"""What may be a purpose."""

import pytest

from server.kernel.errors import BadUserInput
from server.kernel.purpose import check_purpose


@pytest.mark.parametrize("text", ["x", "x" * 256, "Prüfung, Fall 7 / 監査", " spaced "])
def test_takes_a_few_words_as_they_are(text: str) -> None:
    assert check_purpose(text) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "purpose is empty; say in a few words why the data is read"),
        (" \u00a0", "purpose is empty; say in a few words why the data is read"),
        ("x" * 257, "purpose has 257 characters; 256 are allowed"),
        ("a\0b", "purpose holds a control character; write plain text"),
        ("a\nb", "purpose holds a control character; write plain text"),
        ("a\x7fb", "purpose holds a control character; write plain text"),
        ("a\x85b", "purpose holds a control character; write plain text"),
        ("a\ud800b", "purpose holds a control character; write plain text"),
        ("\u200b", "purpose shows nothing when it is read; say in a few words why the data is read"),
        ("\u202e \ufeff\u0301", "purpose shows nothing when it is read; say in a few words why the data is read"),
    ],
)
def test_refuses_what_says_nothing_or_cannot_be_kept(text: str, said: str) -> None:
    with pytest.raises(BadUserInput) as refused:
        check_purpose(text)
    assert (refused.value.message, refused.value.field) == (said, "purpose")

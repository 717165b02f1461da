"""The mask of one text: what stays readable, and why never most of it."""

import re

EMAIL = r"[^@\x00-\x20]{2,}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"
EMAIL_HEAD = r"^([^@])[^@]+@"
EMAIL_MASK = r"\1***@"
"""RE2 and `re` read these alike. One letter before the @ would be shown whole: that is masked as any text."""

_EMAIL = re.compile(EMAIL)
_EMAIL_HEAD = re.compile(EMAIL_HEAD)
_SEPARATOR = re.compile(r"[\x00-/:-@\[-`{-\x7f]")


def hides(character: str) -> bool:
    """Whether a mask stars this character: all but ASCII punctuation, spaces and control characters."""
    return not _SEPARATOR.fullmatch(character)


def masked(text: str, keep_last: int) -> str:
    """The text with each character starred but separators and, where it is long enough, its last ones.

    An e-mail address keeps its first letter and its domain. A text with fewer than twice `keep_last`
    characters to hide shows none of them. What is a separator does not depend on a version of Unicode.
    """
    if _EMAIL.fullmatch(text):
        return _EMAIL_HEAD.sub(EMAIL_MASK, text)
    short = sum(map(hides, text)) < 2 * keep_last
    starred = len(text) if short else len(text) - keep_last
    return "".join("*" if hides(character) else character for character in text[:starred]) + text[starred:]

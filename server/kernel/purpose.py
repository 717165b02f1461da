"""Purposes: why somebody reads data, in a few words that the log keeps for ever."""

import unicodedata

from server.kernel.errors import BadUserInput
from server.kernel.text import said

LONGEST = 256  # characters
UNSPECIFIED = "unspecified"  # where none is given and none is needed
HEADER = "X-Purpose"


def check_words(text: str, *, field: str, need: str) -> str:
    """`text` itself, if it says something in 1 to 256 characters without control signs. Raises: BadUserInput."""
    said(text, field=field, need=need, longest=LONGEST)
    if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in text):
        raise BadUserInput(f"{field} holds a control character; write plain text", field=field)
    if all(unicodedata.category(sign)[0] in "CMZ" for sign in text):
        raise BadUserInput(f"{field} shows nothing when it is read; {need}", field=field)
    return text


def check_purpose(text: str, *, field: str = "purpose") -> str:
    """`text` itself, if it may be a purpose. Raises: BadUserInput."""
    return check_words(text, field=field, need="say in a few words why the data is read")

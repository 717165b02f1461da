"""How messages name the columns of a file that a client sent: a few of them, cut short, and nothing that is a value."""

import re
from collections.abc import Sequence

SHOWN = 5  # names that a message lists; the others are counted
LONGEST = 80  # characters of a name that a message shows
_VALUE = re.compile(r"@|^\s*[+-]?\d|\d{4}|.{65}")  # an address, a number, a date, a sentence: no column is called so


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(repr(name[:LONGEST]) for name in names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"


def names_only(names: Sequence[str]) -> bool:
    """Whether none of them looks like a value, so that a message may repeat them."""
    return not any(_VALUE.search(name) for name in names)

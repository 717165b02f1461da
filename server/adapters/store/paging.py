"""Keyset pages: rows behind a key, never OFFSET; a cursor pins the position at which its listing began."""

import base64
import binascii
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import orjson

from server.kernel.errors import BadUserInput, LimitExceeded
from server.kernel.record import record

R = TypeVar("R")

MAX_FIRST = 500


@record
class PageRequest:
    """`first` rows behind the cursor `after`."""

    first: int
    after: str | None = None


@record
class Cursor:
    """Where a page ends. `listing` is the fingerprint of the filter and the order that it belongs to."""

    listing: str
    position: int
    key: Any  # a JSON value: a name or a number

    def encode(self) -> str:
        """The cursor as clients see it: opaque."""
        return base64.urlsafe_b64encode(orjson.dumps([self.listing, self.position, self.key])).decode().rstrip("=")


@dataclass(frozen=True)
class Page(Generic[R]):
    """Some rows of a listing, each with its cursor. `position`: the log position that the listing reflects.

    `count` None: one page of many, which are counted together.
    """

    rows: Sequence[R]
    cursors: Sequence[str]
    has_next: bool
    has_previous: bool
    position: int
    count: Callable[[], Awaitable[int]] | None


def fingerprint(*parts: Any) -> str:  # any JSON values
    """A short digest of what makes two listings the same."""
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS, default=str)).hexdigest()[:12]


def check_first(first: int, *, limit: int = MAX_FIRST, field: str = "first", pages: bool = True) -> int:
    """`first` itself, if a page, or a list without `pages`, may be that long. Raises: BadUserInput, LimitExceeded."""
    if first < 0:
        raise BadUserInput(f"{field} {first} is negative; ask for 0 to {limit}", field=field)
    if first > limit:
        need = "ask for less and page on" if pages else "ask for less"
        raise LimitExceeded(f"{field} {first} is over the limit of {limit}; {need}", field=field)
    return first


def decode_cursor(text: str, listing: str, key_type: type) -> Cursor:
    """Read a cursor that was given out for the same listing, whose key is of this type. Raises: BadUserInput."""
    try:
        padded = text + "=" * (-len(text) % 4)
        found, position, key = orjson.loads(base64.urlsafe_b64decode(padded))
    except (TypeError, ValueError, binascii.Error):
        raise BadUserInput(
            f"cursor {text[:80]!r} is not one of ours; use endCursor of the page before", field="after"
        ) from None
    if found != listing or not isinstance(position, int) or not 0 <= position < 2**63 or type(key) is not key_type:
        raise BadUserInput("this cursor belongs to another filter or order; start the listing anew", field="after")
    if (isinstance(key, str) and "\0" in key) or (isinstance(key, int) and not 0 <= key < 2**63):
        raise BadUserInput("this cursor is not one of ours; use endCursor of the page before", field="after")
    return Cursor(listing=listing, position=position, key=key)

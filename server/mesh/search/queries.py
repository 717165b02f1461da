"""Search over names, tags, descriptions, owners and field names: a page of what stands now, best match first."""

from collections.abc import Collection, Sequence
from typing import Any

import asyncpg

from server.adapters.store.paging import (
    Cursor,
    Page,
    PageRequest,
    check_first,
    decode_cursor,
    fingerprint,
)
from server.kernel.errors import BadUserInput
from server.kernel.ids import Urn
from server.mesh.search.kinds import AssetKind, tables_of
from server.mesh.search.statements import FIRST_RANK, count_sql, page_sql

__all__ = ["AssetKind", "SearchQueries"]

LONGEST_TEXT = 200  # characters


class SearchQueries:
    """Finds things by words."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def page(self, text: str, kinds: Collection[AssetKind] | None, request: PageRequest) -> Page[Urn]:
        """What holds every word of `text`, or words that begin so. `kinds` None: all that are searched.

        Raises: BadUserInput, LimitExceeded.
        """
        asked, tables = check_text(text), tables_of(kinds)
        first = check_first(request.first)
        listing = fingerprint("search", asked, sorted(tables))
        rank, name, id = (FIRST_RANK, "", "") if request.after is None else _place(request.after, listing)
        rows: Sequence[Any] = []  # asyncpg's records
        if tables and first:
            rows = await self._pool.fetch(page_sql(tables), asked, rank, name, id, first + 1)
        shown = rows[:first]

        async def count() -> int:
            return int(await self._pool.fetchval(count_sql(tables), asked) or 0) if tables else 0

        return Page(
            rows=[Urn(row["id"]) for row in shown],
            cursors=[_cursor(listing, row) for row in shown],
            has_next=len(rows) > first if first else False,
            has_previous=request.after is not None,
            position=0,
            count=count,
        )


def check_text(text: str) -> str:
    """The text that is looked for, trimmed. Raises: BadUserInput."""
    asked = text.strip()
    if not asked:
        raise BadUserInput("text is empty; give a word of a name, tag, description, owner or field", field="text")
    if len(asked) > LONGEST_TEXT:
        raise BadUserInput(
            f"text has {len(asked)} characters; give the words that matter, in at most {LONGEST_TEXT}", field="text"
        )
    return asked


def _cursor(listing: str, row: Any) -> str:  # one of asyncpg's records
    return Cursor(listing=listing, position=0, key=[row["rank"], row["search_name"], row["id"]]).encode()


def _place(text: str, listing: str) -> tuple[int, str, str]:
    """Where the page before ended. Raises: BadUserInput."""
    match decode_cursor(text, listing, list).key:
        case [int() as rank, str() as name, str() as id] if 0 < rank < FIRST_RANK and "\0" not in name + id:
            return rank, name, id
        case _:
            raise BadUserInput("this cursor is not one of ours; use endCursor of the page before", field="after")

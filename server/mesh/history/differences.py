"""What differs between two positions of the log: things added, changed and removed, net of what went back again."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import asyncpg
import orjson

from server.adapters.store.paging import Cursor, Page, PageRequest, check_first, decode_cursor, fingerprint
from server.kernel.caller import Caller
from server.kernel.errors import BadUserInput, Refused
from server.kernel.ids import Urn
from server.kernel.permission import Permission, require
from server.kernel.record import record
from server.mesh.history.shown import KINDS, Shown, ShownKind
from server.mesh.history.statements import count_sql, page_sql


class ChangeKind(StrEnum):
    """What became of a thing."""

    ADDED = "ADDED"
    CHANGED = "CHANGED"
    REMOVED = "REMOVED"


@record
class Difference:
    """A thing that differs. `before`, `after`: the fields that do, named as in the graph; all where it is alone."""

    id: Urn
    kind: ChangeKind
    before: dict[str, Any] | None  # JSON values
    after: dict[str, Any] | None


@record
class Between:
    """Which two positions are compared. `to` None: whatever `head` is, or what the page before was about."""

    since: int
    to: int | None
    head: int

    def __post_init__(self) -> None:
        """Raises: BadUserInput."""
        for field, position in (("from", self.since), ("to", self.to)):
            if position is not None and position < 0:
                raise BadUserInput(f"{field} {position} is negative; positions count from 0", field=field)
            if position is not None and position > self.head:
                raise BadUserInput(f"{field} {position} lies in the future; the log stands at {self.head}", field=field)
        if self.to is not None and self.since > self.to:
            raise BadUserInput(
                f"from {self.since} lies behind to {self.to}; give the earlier position as from", field="from"
            )


class Differences:
    """Compares what stood at two positions, as far as the caller may see it."""

    def __init__(self, pool: asyncpg.Pool, *, public_read: bool) -> None:
        self._pool = pool
        self._public_read = public_read

    async def page(self, between: Between, caller: Caller, request: PageRequest) -> Page[Difference]:
        """A page in order of URN, its cursor bound to the positions. Raises: BadUserInput, LimitExceeded."""
        kinds = {number: kind for number, kind in enumerate(KINDS) if self._seen(kind.permission, caller)}
        first, since = check_first(request.first), between.since
        listing = fingerprint("differences", since, sorted(kinds))
        to, behind = between.head if between.to is None else between.to, ""
        if request.after is not None:
            cursor = decode_cursor(request.after, listing, str)
            if cursor.position > between.head or between.to not in (None, cursor.position):
                raise BadUserInput("this cursor belongs to other positions; start the listing anew", field="after")
            to, behind = cursor.position, cursor.key
        rows = await self._pool.fetch(page_sql(kinds), since, to, behind, first + 1) if kinds and first else []

        async def count() -> int:
            return int(await self._pool.fetchval(count_sql(kinds), since, to)) if kinds else 0

        return Page(
            rows=[_difference(row) for row in rows[:first]],
            cursors=[Cursor(listing=listing, position=to, key=row["id"]).encode() for row in rows[:first]],
            has_next=len(rows) > first,
            has_previous=request.after is not None,
            position=to,
            count=count,
        )

    def _seen(self, permission: Permission, caller: Caller) -> bool:
        try:
            require(permission, caller, public_read=self._public_read)
        except Refused:
            return False
        return True


def _difference(row: asyncpg.Record) -> Difference:
    kind = KINDS[row["kind"]]
    before, after = _written(kind, row, "before"), _written(kind, row, "after")
    if before is None or after is None:
        alone = ChangeKind.ADDED if before is None else ChangeKind.REMOVED
        return Difference(id=Urn(row["id"]), kind=alone, before=before, after=after)
    moved = [name for name in before if before[name] != after[name]]
    return Difference(
        id=Urn(row["id"]),
        kind=ChangeKind.CHANGED,
        before={name: before[name] for name in moved},
        after={name: after[name] for name in moved},
    )


def _written(kind: ShownKind, row: asyncpg.Record, side: str) -> dict[str, Any] | None:
    """A side of a thing as the graph writes it, None where it does not stand there."""
    if row[side] is None:
        return None
    stored: Mapping[str, Any] = orjson.loads(row[side]) | orjson.loads(row[f"besides_{side}"])
    shown: Mapping[str, Shown] = {**kind.fields, **kind.besides}
    return {name: field.form(stored[name]) for name, field in shown.items()}

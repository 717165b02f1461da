"""Reading the log: stored events, by stream, by position, by filter."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from server.adapters.store.listing import At
from server.kernel.ids import Kind, Urn, urn
from server.kernel.record import record


@record
class StoredEvent:
    """An event as it stands in the log."""

    position: int
    stream: Urn
    version: int
    type: str
    data: dict[str, Any]  # the event's JSON
    meta: dict[str, Any]  # actor, correlation_id, about, shape
    recorded_at: datetime
    hash: bytes

    @property
    def id(self) -> Urn:
        """The URN of the event."""
        return urn(Kind.EVENT, str(self.position))

    @property
    def actor(self) -> str:
        """Who caused it."""
        return str(self.meta["actor"])

    @property
    def correlation_id(self) -> str:
        """The request that caused it."""
        return str(self.meta["correlation_id"])

    @property
    def about(self) -> Sequence[str]:
        """The URNs that it concerns, its stream's aside."""
        about: Sequence[str] = self.meta.get("about", ())
        return about


# Which events a thing has, by whether those of other streams count that concern it.
_OF = {
    False: "stream = p.id and lower(stream) = lower(p.id)",
    True: "meta -> 'about' @> jsonb_build_array(p.id)",
}
COLUMNS = "position, stream, version, type, data::text, meta::text, recorded_at, hash"


def stored_event(row: asyncpg.Record) -> StoredEvent:
    """A row of COLUMNS as an event."""
    return StoredEvent(
        position=row["position"],
        stream=Urn(row["stream"]),
        version=row["version"],
        type=row["type"],
        data=orjson.loads(row["data"]),
        meta=orjson.loads(row["meta"]),
        recorded_at=row["recorded_at"],
        hash=row["hash"],
    )


@record
class EventQuery:
    """Which events are meant. Positions are exclusive bounds, `since` is included, `until` excluded.

    It has two forms that must agree: `conditions` for SQL and `matches` for the live feed.
    """

    after_position: int | None = None
    before_position: int | None = None
    types: tuple[str, ...] | None = None
    stream: str | None = None
    about: tuple[str, ...] = ()
    actor: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    correlation_id: str | None = None

    def conditions(self) -> tuple[str, list[Any]]:
        """A SQL condition with numbered parameters, and their values."""
        parts: list[tuple[str, Any]] = []
        if self.after_position is not None:
            parts.append(("position > {}::bigint", self.after_position))
        if self.before_position is not None:
            parts.append(("position < {}::bigint", self.before_position))
        if self.types is not None:
            parts.append(("type = any({}::text[])", list(self.types)))
        if self.stream is not None:
            parts.append(("stream = {}::text and lower(stream) = lower({}::text)", self.stream))
        parts += [("meta -> 'about' @> {}::text::jsonb", orjson.dumps([thing]).decode()) for thing in self.about]
        if self.actor is not None:
            parts.append(("meta ->> 'actor' = {}::text", self.actor))
        if self.since is not None:
            parts.append(("recorded_at >= {}::timestamptz", self.since))
        if self.until is not None:
            parts.append(("recorded_at < {}::timestamptz", self.until))
        if self.correlation_id is not None:
            parts.append(("meta ->> 'correlation_id' = {}::text", self.correlation_id))
        texts = [part.replace("{}", f"${number}") for number, (part, _) in enumerate(parts, 1)]
        return " and ".join(texts) or "true", [value for _, value in parts]

    def matches(self, event: StoredEvent) -> bool:
        """Whether the event is one of those meant."""
        return (
            (self.after_position is None or event.position > self.after_position)
            and (self.before_position is None or event.position < self.before_position)
            and (self.types is None or event.type in self.types)
            and (self.stream is None or event.stream == self.stream)
            and all(thing in event.about for thing in self.about)
            and (self.actor is None or event.actor == self.actor)
            and (self.since is None or event.recorded_at >= self.since)
            and (self.until is None or event.recorded_at < self.until)
            and (self.correlation_id is None or event.correlation_id == self.correlation_id)
        )


class Log:
    """The events, read-only."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def head(self) -> int:
        """The last position."""
        return int(await self._pool.fetchval("select position from event_head"))

    async def between(self, first: int, last: int) -> list[StoredEvent]:
        """The events from `first` to `last`, both included, oldest first."""
        rows = await self._pool.fetch(
            f"select {COLUMNS} from events where position between $1 and $2 order by position",  # noqa: S608
            first,
            last,
        )
        return [stored_event(row) for row in rows]

    async def matching(self, query: EventQuery, after: int, upto: int) -> list[StoredEvent]:
        """The matching events after `after` and up to `upto` included, oldest first."""
        condition, values = query.conditions()
        rows = await self._pool.fetch(
            f"select {COLUMNS} from events where {condition}"  # noqa: S608
            f" and position > {int(after)} and position <= {int(upto)} order by position",
            *values,
        )
        return [stored_event(row) for row in rows]

    async def page(self, query: EventQuery, limit: int, *, newest_first: bool = False) -> list[StoredEvent]:
        """Up to `limit` matching events from one end of the log."""
        condition, values = query.conditions()
        order = "desc" if newest_first else "asc"
        rows = await self._pool.fetch(
            f"select {COLUMNS} from events where {condition} order by position {order} limit {int(limit)}",  # noqa: S608
            *values,
        )
        return [stored_event(row) for row in rows]

    async def count(self, query: EventQuery) -> int:
        """How many events match."""
        condition, values = query.conditions()
        return int(await self._pool.fetchval(f"select count(*) from events where {condition}", *values))  # noqa: S608

    async def pages(self, asked: Sequence[At], *, about: bool, after: int, limit: int) -> dict[At, list[StoredEvent]]:
        """Up to `limit` events of each thing behind `after` and up to its position, oldest first.

        `about`: all events that concern the thing; else those of its stream.
        """
        rows = await self._pool.fetch(
            f"select p.id, p.upto, e.* from unnest($1::text[], $2::bigint[]) as p(id, upto)"  # noqa: S608
            f" cross join lateral (select {COLUMNS} from events where {_OF[about]}"
            " and position > $3 and position <= p.upto order by position limit $4) e order by e.position",
            [at.id for at in asked],
            [at.position for at in asked],
            after,
            limit,
        )
        found: dict[At, list[StoredEvent]] = {at: [] for at in asked}
        for row in rows:
            found[At(row["id"], row["upto"])].append(stored_event(row))
        return found

    async def counts(self, asked: Sequence[At], *, about: bool) -> dict[At, int]:
        """How many events each thing has up to its position."""
        rows = await self._pool.fetch(
            "select p.id, p.upto, (select count(*) from events"  # noqa: S608
            f" where {_OF[about]} and position <= p.upto) as number"
            " from unnest($1::text[], $2::bigint[]) as p(id, upto)",
            [at.id for at in asked],
            [at.position for at in asked],
        )
        return {At(row["id"], row["upto"]): row["number"] for row in rows}

    async def at_positions(self, positions: Sequence[int]) -> list[StoredEvent]:
        """The events at these positions, in order of position."""
        rows = await self._pool.fetch(
            f"select {COLUMNS} from events where position = any($1::bigint[]) order by position",  # noqa: S608
            list(positions),
        )
        return [stored_event(row) for row in rows]

    async def position_at(self, instant: datetime) -> int | None:
        """The last position recorded at or before `instant`; 0 before the first event; None in the future.

        A transaction under way may carry an earlier stamp than one already seen: the head is read under its lock,
        and an instant after it is only answered once the clock has passed it.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            head = await connection.fetchrow(
                "select position, recorded_at, clock_timestamp() as now from event_head for share"
            )
            if instant > head["now"]:
                return None
            if instant >= head["recorded_at"]:
                return int(head["position"])
        found = await self._pool.fetchval(
            "select position from events where recorded_at <= $1 order by recorded_at desc, position desc limit 1",
            instant,
        )
        return int(found or 0)

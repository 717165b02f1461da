"""The audit trail: events by filter, and positions by instant."""

from collections.abc import Sequence
from datetime import UTC, datetime

from server.adapters.runs import Run
from server.adapters.store.listing import At
from server.adapters.store.log import EventQuery, Log, StoredEvent
from server.adapters.store.paging import Cursor, Page, PageRequest, check_first, decode_cursor, fingerprint
from server.kernel.errors import BadUserInput
from server.kernel.ids import Urn
from server.kernel.record import record

DEFAULT_FIRST = 50


@record
class EventPage:
    """A window on matching events: the first ones after `after`, or the last ones before `before`."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None


class EventQueries:
    """Reads of the log."""

    def __init__(self, log: Log) -> None:
        self._log = log

    async def head(self) -> int:
        """The last position."""
        return await self._log.head()

    async def recorded(self, first: int | None, last: int | None) -> list[StoredEvent]:
        """The events of a receipt."""
        return [] if first is None or last is None else await self._log.between(first, last)

    async def of_run(self, run: Run) -> list[StoredEvent]:
        """The events that a run recorded; none while it is under way."""
        if run.first_position is None or run.last_position is None:
            return []
        query = EventQuery(correlation_id=run.correlation_id)
        events = await self._log.matching(query, run.first_position - 1, run.last_position)
        return [event for event in events if event.meta["key"].startswith(run.id)]

    async def by_positions(self, positions: list[int]) -> list[StoredEvent]:
        """Events by position."""
        return await self._log.at_positions(positions)

    async def page(self, query: EventQuery, window: EventPage) -> Page[StoredEvent]:
        """Matching events, oldest first. Raises: BadUserInput, LimitExceeded."""
        if window.last is not None and window.first is not None:
            raise BadUserInput("first and last exclude one another; give one of them", field="last")
        if (window.last is None and window.before is not None) or (
            window.last is not None and window.after is not None
        ):
            raise BadUserInput("after goes with first, before goes with last", field="before")
        name = fingerprint("events", repr(query))
        if window.last is not None:
            return await self._newest(query, window, name)
        size = check_first(DEFAULT_FIRST if window.first is None else window.first)
        start = decode_cursor(window.after, name, int).key if window.after is not None else None
        events = await self._log.page(narrowed(query, after=start), size + 1)
        return self._page(query, events[:size], name, has_next=len(events) > size, has_previous=start is not None)

    async def pages(self, about: bool, request: PageRequest, asked: Sequence[At]) -> dict[At, Page[StoredEvent]]:
        """The page of each thing's events up to its position: of its stream, or of all that concern it (`about`)."""
        first = check_first(request.first)
        name = fingerprint("events of", about)
        after = 0 if request.after is None else decode_cursor(request.after, name, int).key
        found = await self._log.pages(asked, about=about, after=after, limit=first + 1)
        return {
            at: Page(
                rows=events[:first],
                cursors=[Cursor(listing=name, position=0, key=event.position).encode() for event in events[:first]],
                has_next=len(events) > first,
                has_previous=after > 0,
                position=at.position,
                count=None,
            )
            for at, events in found.items()
        }

    async def counts(self, about: bool, asked: Sequence[At]) -> dict[At, int]:
        """How many events each thing has up to its position."""
        return await self._log.counts(asked, about=about)

    async def _newest(self, query: EventQuery, window: EventPage, name: str) -> Page[StoredEvent]:
        assert window.last is not None, "page() sends windows with last here"
        size = check_first(window.last, field="last")
        end = decode_cursor(window.before, name, int).key if window.before is not None else None
        events = await self._log.page(narrowed(query, before=end), size + 1, newest_first=True)
        shown = events[:size][::-1]
        return self._page(query, shown, name, has_next=end is not None, has_previous=len(events) > size)

    def _page(
        self, query: EventQuery, events: list[StoredEvent], name: str, *, has_next: bool, has_previous: bool
    ) -> Page[StoredEvent]:
        async def count() -> int:
            return await self._log.count(query)

        return Page(
            rows=events,
            cursors=[Cursor(listing=name, position=0, key=event.position).encode() for event in events],
            has_next=has_next,
            has_previous=has_previous,
            position=events[-1].position if events else 0,
            count=count,
        )

    async def position(self, as_of: datetime | None, at_position: int | None) -> int:
        """The position that a client means by an instant, a position or neither. Raises: BadUserInput."""
        head = await self._log.head()
        if as_of is not None and at_position is not None:
            raise BadUserInput("asOf and atPosition exclude one another; give one of them", field="asOf")
        if at_position is not None:
            if at_position < 0:
                raise BadUserInput(f"atPosition {at_position} is negative; positions count from 0", field="atPosition")
            if at_position > head:
                raise BadUserInput(
                    f"atPosition {at_position} lies in the future; the log stands at {head}", field="atPosition"
                )
            return at_position
        if as_of is None:
            return head
        if as_of.tzinfo is None:
            raise BadUserInput("asOf needs a zone, such as 2026-01-31T12:00:00Z", field="asOf")
        position = await self._log.position_at(as_of)
        if position is None:
            raise BadUserInput(
                f"asOf {as_of.isoformat()} lies in the future; ask for an instant of the past", field="asOf"
            )
        return position

    async def instant(self, position: int) -> datetime:
        """When the event at a position was recorded; the beginning of time for position 0."""
        events = await self._log.at_positions([position])
        return events[0].recorded_at if events else datetime.fromtimestamp(0, UTC)


def narrowed(query: EventQuery, *, after: int | None = None, before: int | None = None) -> EventQuery:
    """The query with its bounds drawn closer, never wider."""
    lower = [bound for bound in (query.after_position, after) if bound is not None]
    upper = [bound for bound in (query.before_position, before) if bound is not None]
    return EventQuery(
        after_position=max(lower, default=None),
        before_position=min(upper, default=None),
        types=query.types,
        stream=query.stream,
        about=query.about,
        actor=query.actor,
        since=query.since,
        until=query.until,
        correlation_id=query.correlation_id,
    )


def event_position(identifier: Urn) -> int | None:
    """The position in an event's URN, or None where it is not one."""
    digits = identifier.removeprefix("event:")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 18 else None

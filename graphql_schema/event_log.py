"""The log in the graph: the audit trail, its verification, the live feed."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from graphql_schema import event_types
from graphql_schema.context import Info
from graphql_schema.event import Event
from graphql_schema.guard import guarded
from graphql_schema.paging import After, Connection, First, connection, request
from graphql_schema.scalars import BigInt
from server.adapters.store.log import EventQuery, StoredEvent
from server.http.graphql.weight import price
from server.kernel.errors import BadUserInput
from server.kernel.ids import Kind, reference
from server.kernel.permission import Permission
from server.mesh.events.queries import EventPage


@strawberry.input(description="Which events are meant: those that match everything given.")
class EventFilter:
    """Which events are meant."""

    after_position: BigInt | None = strawberry.field(default=None, description="Behind this position.")
    before_position: BigInt | None = strawberry.field(default=None, description="Before this position.")
    types: list[str] | None = strawberry.field(default=None, description="Of one of these types.")
    stream: strawberry.ID | None = strawberry.field(default=None, description="Of this stream, by URN.")
    dataset: strawberry.ID | None = strawberry.field(
        default=None, description="About this dataset, its contracts and batches, by URN or name."
    )
    product: strawberry.ID | None = strawberry.field(
        default=None, description="About this data product and its datasets, by URN or name."
    )
    domain: strawberry.ID | None = strawberry.field(
        default=None, description="About this domain, its products and its datasets, by URN or name."
    )
    lake: strawberry.ID | None = strawberry.field(
        default=None, description="About this data lake, its deletions and the datasets in it, by URN or id."
    )
    actor: str | None = strawberry.field(default=None, description="Caused by this principal.")
    since: datetime | None = strawberry.field(default=None, description="Recorded at or after this instant.")
    until: datetime | None = strawberry.field(default=None, description="Recorded before this instant.")
    correlation_id: str | None = strawberry.field(default=None, description="Caused by this request.")


@strawberry.type(description="What a verification of the log found.")
class LogVerification:
    """What a verification of the log found."""

    intact: bool = strawberry.field(description="Whether every event looked at is as it was recorded.")
    checked: BigInt = strawberry.field(description="How many events were looked at.")
    first_broken_position: BigInt | None = strawberry.field(description="The first position at which it breaks.")
    head: str = strawberry.field(description="The hash of the last event, hex.")


@strawberry.type
class EventQueries:
    """The log on the root."""

    @guarded(
        Permission.AUDIT,
        description="The audit trail: every event ever recorded, oldest first. With `last`: its newest end.",
    )
    async def events(
        self,
        info: Info,
        filter: Annotated[EventFilter | None, strawberry.argument(description="Which of them.")] = None,
        first: Annotated[int | None, strawberry.argument(description="How many at most from the old end.")] = None,
        after: After = None,
        last: Annotated[int | None, strawberry.argument(description="How many at most from the new end.")] = None,
        before: Annotated[str | None, strawberry.argument(description="The startCursor of the page behind.")] = None,
    ) -> Connection[Event]:
        """A page of events."""
        window = EventPage(first=first, after=after, last=last, before=before)
        return connection(await info.context.mesh.events.page(event_query(filter), window), event_node)

    @guarded(Permission.AUDIT, description="Recomputes the hash chain of the log.", metadata=price(1000))
    async def verify_log(
        self,
        info: Info,
        from_position: Annotated[
            BigInt | None, strawberry.argument(description="Events up to here are taken as they are.")
        ] = BigInt(0),  # noqa: B008  # a number
    ) -> LogVerification:
        """The chain behind a position."""
        found = await info.context.mesh.verify(from_position or 0)
        broken = found.first_broken
        return LogVerification(
            intact=found.intact,
            checked=BigInt(found.checked),
            first_broken_position=None if broken is None else BigInt(broken),
            head=found.head,
        )


@strawberry.type
class EventSubscription:
    """The log as it grows."""

    @strawberry.subscription(
        description="Every matching event after a position, each once and in order: first the past, then as they are"
        " recorded. Without `after`: from the moment at which the server starts the subscription; who must miss"
        " nothing gives `after`.",
        metadata={"permission": Permission.AUDIT},
    )
    async def events(
        self,
        info: Info,
        filter: Annotated[EventFilter | None, strawberry.argument(description="Which of them.")] = None,
        after: Annotated[BigInt | None, strawberry.argument(description="The last position already seen.")] = None,
    ) -> AsyncGenerator[Event, None]:
        """Each event once."""
        info.context.require(Permission.AUDIT)
        query = event_query(filter)
        mesh = info.context.mesh
        head = await mesh.events.head()
        if after is not None and not 0 <= after <= head:
            raise BadUserInput(f"after {after} is no position of the log, which stands at {head}", field="after")
        async for stored in mesh.feed.after(head if after is None else after, query):
            info.context.renew()
            yield event_node(stored)


def event_query(given: EventFilter | None) -> EventQuery:
    """The filter as the log takes it."""
    if given is None:
        return EventQuery()
    return EventQuery(
        after_position=given.after_position,
        before_position=given.before_position,
        types=None if given.types is None else tuple(given.types),
        stream=given.stream,
        about=tuple(
            reference(kind, thing, field=kind.value)
            for kind, thing in (
                (Kind.DATASET, given.dataset),
                (Kind.PRODUCT, given.product),
                (Kind.DOMAIN, given.domain),
                (Kind.LAKE, given.lake),
            )
            if thing is not None
        ),
        actor=given.actor,
        since=given.since,
        until=given.until,
        correlation_id=given.correlation_id,
    )


async def events_of(info: Info, stream: str, position: int, first: First, after: After) -> Connection[Event]:
    """A page of a stream's events up to a position."""
    return connection(await info.context.events(request(first, after), position, stream, about=False), event_node)


async def events_about(info: Info, thing: str, position: int, first: First, after: After) -> Connection[Event]:
    """A page of the events that concern a thing, up to a position."""
    return connection(await info.context.events(request(first, after), position, thing, about=True), event_node)


def event_node(stored: StoredEvent) -> Event:
    """An event in the graph, as the type of its own."""
    data: JSON = JSON(stored.data)
    node: Event = event_types.EVENT_TYPES[stored.type](
        id=strawberry.ID(stored.id),
        stored=stored,
        position=BigInt(stored.position),
        type=stored.type,
        stream=strawberry.ID(stored.stream),
        version=stored.version,
        occurred_at=stored.recorded_at,
        actor=stored.actor,
        correlation_id=stored.correlation_id,
        data=data,
        hash=stored.hash.hex(),
    )
    return node

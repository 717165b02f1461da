"""Payloads: what a mutation changed, and the events that it recorded."""

from typing import TYPE_CHECKING, Annotated, TypeAlias

import strawberry

from graphql_schema import event_log as events
from graphql_schema.context import Info
from server.adapters.runs import Run
from server.adapters.store.commands import Receipt

if TYPE_CHECKING:
    from graphql_schema.event import Event

Events: TypeAlias = list[Annotated["Event", strawberry.lazy("graphql_schema.event")]]
IdempotencyKey: TypeAlias = str | None

EVENTS = "What was recorded, in order; empty where nothing changed."
KEY = "The same key with the same input answers what the first call answered and records nothing new."
WAIT = "How long to wait for the run, 0 to 60; past that the answer is the run under way."


@strawberry.interface(description="What every mutation answers.")
class MutationPayload:
    """What every mutation answers."""

    events: Events = strawberry.field(description=EVENTS)


@strawberry.type(description="Something that was taken away.")
class DeletePayload(MutationPayload):
    """Something that was taken away."""

    deleted_id: strawberry.ID = strawberry.field(description="The URN of what is gone.")
    events: Events = strawberry.field(description=EVENTS)


async def recorded(info: Info, receipt: Receipt) -> Events:
    """The events of a receipt in the graph."""
    stored = await info.context.mesh.events.recorded(receipt.first, receipt.last)
    return [events.event_node(event) for event in stored]


async def run_position(info: Info, run: Run) -> int:
    """Where to read what a run left: at its last event, or now while it is under way."""
    return run.last_position if run.last_position is not None else await info.context.mesh.events.head()


async def recorded_by_run(info: Info, run: Run) -> Events:
    """The events of a run in the graph; none while it is under way."""
    return [events.event_node(event) for event in await info.context.mesh.events.of_run(run)]

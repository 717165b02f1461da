"""The interface of all events in the graph."""

from datetime import datetime
from functools import cached_property
from typing import Any

import orjson
import strawberry
from strawberry.scalars import JSON

from graphql_schema.node import Node
from graphql_schema.scalars import BigInt
from server.adapters.store.log import StoredEvent
from server.mesh.slices import CODEC


@strawberry.interface(description="One fact of the log. Each event type is also a type of its own.")
class Event(Node):
    """One fact of the log."""

    stored: strawberry.Private[StoredEvent]
    position: BigInt = strawberry.field(description="Its place in the log: 1, 2, 3 and so on without holes.")
    type: str = strawberry.field(description="Its type, such as DataPublished.")
    stream: strawberry.ID = strawberry.field(description="The URN of the thing that it happened to.")
    version: int = strawberry.field(description="Its place in the stream: 1, 2, 3 and so on.")
    occurred_at: datetime = strawberry.field(description="When it was recorded.")
    actor: str = strawberry.field(description="Who caused it.")
    correlation_id: str | None = strawberry.field(description="The request that caused it.")
    data: JSON = strawberry.field(description="Its data as it is stored, keys in snake case.")
    hash: str = strawberry.field(description="SHA-256 over the hash before it and itself, hex.")

    @cached_property
    def record(self) -> Any:  # the record of the event's own type
        """The event's data as its record of today."""
        stored = self.stored
        return CODEC.decode(stored.type, int(stored.meta["shape"]), orjson.dumps(stored.data))

"""A random history of a mesh: commands that the aggregates decide, told as the appends that they make."""

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from server.adapters.store.aggregate import Aggregate
from server.adapters.store.append import NewEvent
from server.kernel.errors import Refused
from server.kernel.ids import Kind, Urn, urn

Move: TypeAlias = Callable[[], Sequence[NewEvent]]
START = datetime(2026, 1, 1, tzinfo=UTC)


class Tale:
    """What stands after the appends told so far. `streams`: the state of each aggregate, None where it ended."""

    def __init__(self, seed: int) -> None:
        self.source = random.Random(seed)
        self.streams: dict[Urn, Any] = {}
        self.aggregates: dict[Urn, Aggregate[Any, Any, Any]] = {}
        self.versions: dict[Urn, int] = {}
        self.numbers = 0

    def number(self) -> int:
        """Another number each time."""
        self.numbers += 1
        return self.numbers

    def standing(self, kind: Kind) -> list[Urn]:
        """The aggregates of a kind that stand."""
        return [stream for stream, state in self.streams.items() if state is not None and stream.startswith(f"{kind}:")]

    def some(self, kind: Kind) -> Urn:
        """One of them, or a name that nothing has."""
        return self.source.choice(self.standing(kind) or [urn(kind, "nobody")])

    def decide(self, aggregate: Aggregate[Any, Any, Any], stream: Urn, command: object) -> tuple[NewEvent, ...]:
        """What a command records on its stream. Raises: Refused."""
        decider, state = aggregate.decider, self.streams.get(stream)
        events = decider.decide(command, state)
        after = decider.fold(events, state)
        self.streams[stream] = after
        self.aggregates[stream] = aggregate
        self.versions[stream] = self.versions.get(stream, 0) + len(events)
        return tuple(NewEvent(stream=stream, event=event, about=decider.about(after)) for event in events)


def told(tale: Tale, moves: Sequence[Move], events: int) -> list[tuple[NewEvent, ...]]:
    """Appends until there are so many events; what is refused is no part of the tale."""
    appends: list[tuple[NewEvent, ...]] = []
    total = 0
    while total < events:
        try:
            append = tuple(tale.source.choice(moves)())
        except Refused:
            continue
        if append:
            appends.append(append)
            total += len(append)
    return appends

"""A turn: declared lineage as one decision sees it, and the version of its stream that the decision holds for."""

from dataclasses import dataclass

from server.adapters.lineage.graph import LineageGraph
from server.adapters.store.append import NewEvent, StreamCheck
from server.kernel.ids import Urn
from server.mesh.lineage.facts import STREAM, Event, LineageRemoved

TRIES = 50  # of a decision in turns: all processes that register edges share the stream


@dataclass(frozen=True)
class Turn:
    """Declared lineage at a version of its stream: an append that rests on it names `check`."""

    graph: LineageGraph
    check: StreamCheck
    position: int

    def stands(self, source: Urn, target: Urn) -> bool:
        """Whether the edge stands."""
        first, second = self.graph.number(source), self.graph.number(target)
        return first is not None and second is not None and self.graph.edge(first, second) is not None

    def way_back(self, source: Urn, target: Urn) -> tuple[Urn, ...]:
        """The shortest way from the target to the source, which an edge between them would close to a loop."""
        first, second = self.graph.number(source), self.graph.number(target)
        if first is None or second is None or first == second:
            return ()
        return tuple(Urn(self.graph.urn(number)) for number in self.graph.loop(first, second) or ())

    def removals(self, asset: Urn, reason: str | None) -> tuple[NewEvent, ...]:
        """The end of every edge of the asset."""
        number = self.graph.number(asset)
        touching = [] if number is None else self.graph.touching(number)
        ends = [(Urn(self.graph.urn(source)), Urn(self.graph.urn(target))) for source, target in touching]
        return tuple(new(LineageRemoved(source=source, target=target, reason=reason)) for source, target in ends)


def new(event: Event) -> NewEvent:
    """The event as it is appended: both of its ends find it."""
    return NewEvent(stream=STREAM, event=event, about=(event.source, event.target))


def turn_on(graph: LineageGraph, version: int) -> Turn:
    """The turn of a graph that reflects this version."""
    return Turn(graph, StreamCheck(stream=STREAM, version=version), graph.position)

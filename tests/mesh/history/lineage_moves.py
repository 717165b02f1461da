"""What may happen to lineage in a tale."""

from collections.abc import Sequence

from server.adapters.store.append import NewEvent
from server.kernel.ids import Kind, Urn
from server.kernel.lineage import TYPES, ExternalKind
from server.mesh.lineage.commands import RegisterLineage, RemoveLineage, Terms
from server.mesh.lineage.domain import decide
from server.mesh.lineage.facts import STREAM, ColumnLink, Introduced
from server.mesh.lineage.turn import new
from tests.mesh.history.tale import Move, Tale

EXTERNALS = tuple(Urn(f"external:erp/e{number}") for number in range(12))


class LineageMoves:
    """The moves. `edges`: what each edge that stands says."""

    def __init__(self, tale: Tale) -> None:
        self.tale = tale
        self.edges: dict[tuple[Urn, Urn], Terms] = {}
        self.introduced: set[Urn] = set()

    @property
    def moves(self) -> Sequence[Move]:
        """All of them."""
        return (self.register, self.register, self.register, self.remove)

    def register(self) -> Sequence[NewEvent]:
        source, target = self._ends()
        terms = Terms(
            transformation=self.tale.source.choice(("", "sum")),
            lineage_type=self.tale.source.choice(TYPES),
            confidence=self.tale.source.choice((1.0, 0.9, 0.5)),
            metadata={"run": self.tale.source.randrange(3), "a_key": None},
            columns=(ColumnLink(target="id", sources=("id",)),) * self.tale.source.randrange(2),
        )
        command = RegisterLineage(
            source=source,
            target=target,
            terms=terms,
            introduced=tuple(
                Introduced(asset=asset, kind=ExternalKind.DATASET)
                for asset in (source, target)
                if asset in EXTERNALS and asset not in self.introduced
            ),
            allow_cycle=True,
            standing=self.edges.get((source, target)),
            loop=self._way(target, source),
            edges=len(self.edges),
            most=10_000,
        )
        events = decide(command)
        if events:
            self.edges[source, target] = terms
            self.introduced |= {one.asset for one in command.introduced}
        return self._told([new(event) for event in events])

    def remove(self) -> Sequence[NewEvent]:
        if not self.edges:
            return ()
        source, target = self.tale.source.choice(list(self.edges))
        del self.edges[source, target]
        command = RemoveLineage(source=source, target=target, reason=None, standing=True)
        return self._told([new(event) for event in decide(command)])

    def removals(self, asset: Urn) -> Sequence[NewEvent]:
        """The end of every edge of an asset."""
        ends = [pair for pair in self.edges if asset in pair]
        events: list[NewEvent] = []
        for source, target in ends:
            del self.edges[source, target]
            command = RemoveLineage(source=source, target=target, reason=None, standing=True)
            events += [new(event) for event in decide(command)]
        return self._told(events)

    def _told(self, events: Sequence[NewEvent]) -> Sequence[NewEvent]:
        self.tale.versions[STREAM] = self.tale.versions.get(STREAM, 0) + len(events)
        return events

    def _ends(self) -> tuple[Urn, Urn]:
        assets = [*self.tale.standing(Kind.PRODUCT), *self.tale.standing(Kind.DATASET), *EXTERNALS]
        source, target = self.tale.source.sample(assets, 2)
        return source, target

    def _way(self, source: Urn, target: Urn) -> tuple[Urn, ...]:
        """A shortest way between two assets, both named; none where there is none."""
        came: dict[Urn, Urn | None] = {source: None}
        for asset in (reached := [source]):
            for first, second in self.edges:
                if first == asset and second not in came:
                    came[second] = asset
                    reached.append(second)
        if target not in came:
            return ()
        way = [target]
        while (before := came[way[-1]]) is not None:
            way.append(before)
        return tuple(reversed(way))

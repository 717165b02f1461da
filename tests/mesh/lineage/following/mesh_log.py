"""A log of lineage on a real database, what its events add up to, and followers that read it."""

import contextlib
import itertools
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeAlias

import asyncpg

from server.adapters.lineage.graph import LineageGraph, Way
from server.adapters.postgres.connections import connect_writer, open_engine, open_pool
from server.adapters.postgres.migrate import migrate
from server.adapters.store.append import Append, NewEvent, Outcome
from server.adapters.store.intervals import IntervalWriter
from server.adapters.store.writer import Writer
from server.kernel.ids import Kind, urn
from server.kernel.intent import Intent
from server.kernel.lineage import LineageType
from server.mesh.dataset.domain import DatasetRegistered
from server.mesh.lineage.facts import STREAM, Event, LineageRegistered, LineageRemoved
from server.mesh.lineage.following.follower import LineageFollower
from server.mesh.slices import CODEC, PROJECTIONS, TABLES

TYPES = tuple(LineageType)
REACHED = """
with recursive reached (urn) as (
  select target from lineage_edge where source = $1 and valid_from <= $2 and valid_to > $2
  union
  select e.target from reached join lineage_edge e on e.source = reached.urn and e.valid_from <= $2 and e.valid_to > $2
) select urn from reached
"""
_numbers = itertools.count(1)

# (source, target) -> (kind, confidence)
Standing: TypeAlias = dict[tuple[str, str], tuple[int, float]]


@dataclass
class MeshLog:
    """Appends events as the service would, without its rules. `said`: each event with its position."""

    pool: asyncpg.Pool
    writer: Writer
    said: list[tuple[int, Event]] = field(default_factory=list)
    standing: set[tuple[str, str]] = field(default_factory=set)

    async def append(self, *events: Event) -> int:
        """Record them together; the position of the last."""
        changed: list[Event] = []
        for event in events:
            pair = (event.source, event.target)
            if isinstance(event, LineageRegistered):
                changed.append(replace(event, again=pair in self.standing))
                self.standing.add(pair)
            else:
                changed.append(event)
                self.standing.remove(pair)
        first = await self._submit(*(NewEvent(stream=STREAM, event=event) for event in changed))
        self.said += [(first + number, event) for number, event in enumerate(changed)]
        return first + len(events) - 1

    async def something_else(self) -> int:
        """Record an event that does not concern lineage; its position."""
        name = f"other-{next(_numbers)}"
        event = DatasetRegistered(
            name=name, fields=(), product=None, domain=None, contains_pii=None, encryption_enabled=False
        )
        return await self._submit(NewEvent(stream=urn(Kind.DATASET, name), event=event))

    async def _submit(self, *events: NewEvent) -> int:
        number = next(_numbers)
        intent = Intent(actor="ann", correlation_id="c", key=f"~{number}", digest=b"input", keyed=False)
        result = await self.writer.submit(Append(intent=intent, checks=(), events=events))
        assert result.outcome is Outcome.APPENDED
        assert result.first is not None
        return result.first

    def replayed(self, position: int) -> Standing:
        """What the events up to a position add up to."""
        found: Standing = {}
        for at, event in self.said:
            if at > position:
                break
            match event:
                case LineageRegistered():
                    found[event.source, event.target] = (TYPES.index(event.lineage_type), event.confidence)
                case LineageRemoved():
                    del found[event.source, event.target]
        return found

    def shown(self, graph: LineageGraph, position: int) -> Standing:
        """The edges of a graph as of a position, among all assets of this log."""
        view = graph.at(position)
        found: Standing = {}
        for source, target in view.edges_between(list(self._numbers(graph).values())):
            edge = view.edge(source, target)
            assert edge is not None
            found[graph.urn(source), graph.urn(target)] = (edge.kind, edge.confidence)
        return found

    def reached(self, graph: LineageGraph, position: int) -> dict[str, set[str]]:
        """What each asset feeds as of a position, at any distance."""
        view = graph.at(position)
        return {
            urn: {graph.urn(found) for found in view.closure(number, Way.DOWN)}
            for urn, number in self._numbers(graph).items()
        }

    def _numbers(self, graph: LineageGraph) -> dict[str, int]:
        urns = {urn for _, event in self.said for urn in (event.source, event.target)}
        return {urn: number for urn in urns if (number := graph.number(urn)) is not None}


def registered(source: str, target: str, *, kind: int = 0, confidence: float = 1.0) -> LineageRegistered:
    """An edge between two datasets."""
    return LineageRegistered(
        source=urn(Kind.DATASET, source),
        target=urn(Kind.DATASET, target),
        again=False,
        transformation="",
        lineage_type=TYPES[kind],
        confidence=confidence,
        metadata={},
        columns=(),
        columns_unknown=None,
        externals=(),
        loop=(),
    )


def removed(source: str, target: str) -> LineageRemoved:
    """That edge goes."""
    return LineageRemoved(source=urn(Kind.DATASET, source), target=urn(Kind.DATASET, target), reason=None)


async def reached_in_sql(pool: asyncpg.Pool, position: int) -> dict[str, set[str]]:
    """The same, asked of the read table."""
    urns = [row["urn"] for row in await pool.fetch("select urn from lineage_asset")]
    return {urn: {row["urn"] for row in await pool.fetch(REACHED, urn, position)} - {urn} for urn in urns}


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncGenerator[MeshLog]:
    """An empty log with its read tables."""
    engine = open_engine(url)
    await migrate(engine)
    await engine.dispose()
    pool = await open_pool(url)
    writer = Writer(partial(connect_writer, url), CODEC, PROJECTIONS, IntervalWriter(TABLES), lambda: None)
    await writer.start()
    try:
        yield MeshLog(pool, writer)
    finally:
        await writer.stop()
        await pool.close()


async def loaded(pool: asyncpg.Pool) -> LineageGraph:
    """The graph as a process that starts now has it."""
    follower = LineageFollower(pool)
    await follower.start()
    return await follower.now()

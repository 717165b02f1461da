"""What lies around an asset: who is how far away and how sure, what connects them, and what an answer leaves out."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple

from server.adapters.lineage.graph import LineageGraph, Reach, View, Way
from server.kernel.ids import Urn
from server.kernel.lineage import TYPES, LineageDirection, LineageType
from server.kernel.record import record
from server.mesh.lineage.facts import edge_urn

MAX_EDGES = 30_000  # with as many assets as an answer may list, it stays below what the server lists in one
AT_ONCE = 500  # assets that are looked at before others have a turn

# Downstream first: it counts on a tie.
WAYS = {
    LineageDirection.DOWNSTREAM: (Way.DOWN,),
    LineageDirection.UPSTREAM: (Way.UP,),
    LineageDirection.BOTH: (Way.DOWN, Way.UP),
}


@record
class Asked:
    """Which neighbourhood is meant. `depth`: edges away at most; `least`: a chain's confidence at least.

    `links` false: nobody looks at the edges, which are half of the work.
    """

    root: Urn
    position: int
    direction: LineageDirection
    depth: int | None = None
    least: float | None = None
    types: frozenset[LineageType] | None = None
    links: bool = True


class Reached(NamedTuple):
    """An asset of a neighbourhood. `depth` is negative upstream."""

    urn: str
    depth: int
    confidence: float


class Link(NamedTuple):
    """An edge of a neighbourhood, as the graph in memory knows it. `since`: the position of its last change."""

    source: str
    target: str
    type: LineageType
    confidence: float
    since: int

    @property
    def id(self) -> Urn:
        """The edge's URN."""
        return edge_urn(self.source, self.target)


@record
class Neighbourhood:
    """The assets around a root, nearest first and then by URN, and the edges among them, by source and target.

    `total`: how many lie within the depth, listed here or not. `left_out`: `depth` or `size`, None where nothing is.
    """

    root: Urn
    position: int
    nodes: tuple[Reached, ...]
    links: tuple[Link, ...]
    total: int
    left_out: str | None

    def same(self, other: "Neighbourhood") -> bool:
        """Whether both say the same, at whatever positions."""
        mine = (self.nodes, self.links, self.total, self.left_out)
        return mine == (other.nodes, other.links, other.total, other.left_out)


class Chain(NamedTuple):
    """Edges by URN, each beginning where the one before ends. `confidence`: the product of theirs."""

    edges: tuple[Urn, ...]
    confidence: float


async def survey(graph: LineageGraph, asked: Asked, most: int) -> Neighbourhood:
    """The neighbourhood, `most` assets at most. Others have a turn while a large one is put together."""
    root = graph.number(asked.root)
    if root is None:
        return Neighbourhood(root=asked.root, position=asked.position, nodes=(), links=(), total=0, left_out=None)
    view = graph.at(asked.position)  # which stays what it is while the graph moves on
    kinds = None if asked.types is None else frozenset(TYPES.index(each) for each in asked.types)
    walk = partial(view.reach, root, kinds=kinds, least=asked.least)
    reaches = {way: walk(way, hops=asked.depth) for way in WAYS[asked.direction]}
    beyond = any(reach.beyond for reach in reaches.values())
    if sum(len(reach.numbers) for reach in reaches.values()) > AT_ONCE:
        found = await asyncio.to_thread(_nearest, reaches, most, graph.urn)
    else:
        found = _nearest(reaches, most, graph.urn)
    names = {root: asked.root} | {each.number: each.node.urn for each in found.nodes}
    links = await _links(view, names, kinds) if asked.links or _crowded(view, names) else []
    listed = _listed(links, {asked.root: 0} | {each.node.urn: rank for rank, each in enumerate(found.nodes, 1)})
    nodes = tuple(each.node for each in found.nodes[:listed])
    if listed < len(found.nodes):
        shown = {asked.root, *(node.urn for node in nodes)}
        links = [link for link in links if link.source in shown and link.target in shown]
    if listed < found.total:
        left_out: str | None = "size"
    else:
        left_out = "depth" if beyond and _leads_on(walk, reaches, asked.depth) else None
    return Neighbourhood(
        root=asked.root,
        position=asked.position,
        nodes=nodes,
        links=tuple(links) if asked.links else (),
        total=found.total,
        left_out=left_out,
    )


class _Numbered(NamedTuple):
    number: int
    node: Reached


class _Found(NamedTuple):
    total: int
    nodes: list[_Numbered]


def _nearest(reaches: Mapping[Way, Reach], most: int, urn: Callable[[int], str]) -> _Found:
    """How many assets were found, and up to `most` of them, nearest first and then by URN."""
    found: dict[int, tuple[int, float]] = {}
    for way, reach in reaches.items():
        sign = 1 if way is Way.DOWN else -1
        for number, depth, confidence in zip(reach.numbers, reach.depths, reach.confidences, strict=True):
            signed, known = found.get(number, (sign * depth, confidence))
            found[number] = (signed if abs(signed) <= depth else sign * depth, max(known, confidence))
    total = len(found)
    if total > most:
        farthest = sorted(abs(depth) for depth, _ in found.values())[most - 1]
        found = {number: each for number, each in found.items() if abs(each[0]) <= farthest}
    nodes = [_Numbered(number, Reached(urn(number), *each)) for number, each in found.items()]
    nodes.sort(key=lambda each: (abs(each.node.depth), each.node.urn))
    return _Found(total, nodes[:most])


def _leads_on(walk: Callable[..., Reach], reaches: Mapping[Way, Reach], depth: int | None) -> bool:
    """Whether a way leads on to an asset that the other way does not list either; its next step mostly tells."""
    if len(reaches) == 1:
        return True
    assert depth is not None, "only a depth leaves something behind it"
    listed = {number for reach in reaches.values() for number in reach.numbers}
    return any(not listed.issuperset(walk(way, hops=hops).numbers) for hops in (depth + 1, None) for way in reaches)


def _crowded(view: View, names: Collection[int]) -> bool:
    """Whether there may be more edges among assets than an answer lists."""
    return len(names) ** 2 > MAX_EDGES and sum(view.fan_out(number) for number in names) > MAX_EDGES


async def _links(view: View, names: Mapping[int, str], kinds: frozenset[int] | None) -> list[Link]:
    """The edges among assets, given as number and URN, by source and target."""
    links: list[Link] = []
    for place, (number, source) in enumerate(sorted(names.items(), key=itemgetter(1)), 1):
        row = [(names[target], edge) for target, edge in view.edges_into(number, names)]
        row.sort(key=itemgetter(0))
        for target, edge in row:
            if kinds is None or edge.kind in kinds:
                links.append(Link(source, target, TYPES[edge.kind], edge.confidence, edge.valid_from))
        if place % AT_ONCE == 0:
            await asyncio.sleep(0)
    return links


def _listed(links: Sequence[Link], ranks: Mapping[str, int]) -> int:
    """How many of the assets, the nearest, have no more edges among them and the root than an answer may list."""
    if len(links) <= MAX_EDGES:
        return len(ranks) - 1
    return sorted(max(ranks[link.source], ranks[link.target]) for link in links)[MAX_EDGES] - 1


def chains(graph: LineageGraph, source: Urn, target: Urn, first: int, position: int) -> list[Chain]:
    """The most trustworthy simple chains from one asset to another, the best first."""
    begin, end = graph.number(source), graph.number(target)
    if begin is None or end is None or not first:
        return []
    return [
        Chain(
            tuple(edge_urn(graph.urn(one), graph.urn(other)) for one, other in pairwise(path.numbers)),
            path.confidence,
        )
        for path in graph.at(position).paths(begin, end, first)
    ]

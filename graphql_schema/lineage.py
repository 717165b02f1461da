"""Lineage in the graph: the neighbourhood of an asset, its edges, and chains from one asset to another."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import strawberry
from strawberry.scalars import JSON

from graphql_schema import asset as assets
from graphql_schema.asset import Asset
from graphql_schema.context import Info
from graphql_schema.lineage_words import ColumnLineage, LineageType, column_lineage
from graphql_schema.node import Node
from graphql_schema.scalars import BigInt
from graphql_schema.selection import certain, chosen
from server.kernel.errors import BadUserInput
from server.kernel.ids import Kind, Urn
from server.kernel.lineage import TYPES, LineageDirection
from server.kernel.lineage import LineageType as Type
from server.mesh.lineage.facts import ColumnLink
from server.mesh.lineage.neighbourhood import Asked, Chain, Link, Neighbourhood
from server.mesh.lineage.queries import LineageRow

# What an asset and an edge say without their rows.
_NAMED = frozenset({"__typename", "id", "name", "upstream", "downstream"})
_WALKED = frozenset({"upstream", "downstream"})
_LINKED = frozenset({"__typename", "id", "source", "target", "lineageType", "confidence"})


@strawberry.type(description="An edge of lineage: its target is made of its source.")
class LineageEdge(Node):
    """An edge at a position. `row` may be left out where nothing of it is asked for."""

    row: strawberry.Private[LineageRow | None]
    source: Asset = strawberry.field(description="What is used.")
    target: Asset = strawberry.field(description="What is made of it.")
    lineage_type: LineageType = strawberry.field(description="How it is made.")  # type: ignore[valid-type]
    confidence: float = strawberry.field(description="How sure that is: above 0, at most 1.")

    @strawberry.field(description="What happens on the way, in words or code.")
    def transformation(self) -> str:
        """As it was registered."""
        return self._stored.transformation

    @strawberry.field(description="Whatever else was registered with it, a JSON object.")
    def metadata(self) -> JSON:
        """As it was registered."""
        return JSON(self._stored.details)

    @strawberry.field(description="The columns of the target and what they are made of; empty where nobody knows.")
    def columns(self) -> list[ColumnLineage]:
        """As they were registered, or read from SQL."""
        links = (
            ColumnLink(target=one["target"], sources=tuple(one["sources"]), indirect=tuple(one["indirect"]))
            for one in self._stored.columns
        )
        return [column_lineage(link) for link in links]

    @strawberry.field(description="Why `columns` is empty although SQL was given.")
    def columns_unknown(self) -> str | None:
        """The reason."""
        return self._stored.columns_unknown

    @strawberry.field(description="Whether it closed a loop when it was registered.")
    def closes_loop(self) -> bool:
        """A loop that was allowed."""
        return self._stored.closes_loop

    @strawberry.field(description="When it was registered or changed last.")
    def registered_at(self) -> datetime:
        """When."""
        return self._stored.registered_at

    @property
    def _stored(self) -> LineageRow:
        assert self.row is not None, "whoever makes an edge looks at what is asked of it"
        return self.row


@strawberry.type(description="An asset of a lineage graph.")
class LineageNode:
    """An asset of a lineage graph."""

    asset: Asset = strawberry.field(description="The asset.")
    depth: int = strawberry.field(
        description="Fewest edges from the root, negative upstream; of an asset on both sides the smaller number,"
        " downstream on a tie."
    )
    confidence: float = strawberry.field(
        description="That of the most trustworthy chain to the root, whatever its length."
    )


@strawberry.type(description="A chain of lineage.")
class LineagePath:
    """A chain of lineage."""

    edges: list[LineageEdge] = strawberry.field(description="Its edges, each beginning where the one before ends.")
    confidence: float = strawberry.field(description="The product of its edges' confidences.")


@strawberry.type(description="What lies around an asset. The root is not among the nodes.")
class LineageGraph:
    """A neighbourhood at a position."""

    found: strawberry.Private[Neighbourhood]
    total_assets: int = strawberry.field(
        description="How many assets lie within `depth`, listed here or not, the root not counted."
    )
    complete: bool = strawberry.field(
        description="False where more lies beyond `depth`, or where the server's size limit cut."
    )
    truncated_because: str | None = strawberry.field(
        description="`depth` or `size`; null where the answer is complete. `size` where both hold."
    )
    position: BigInt = strawberry.field(description="The log position that this answer reflects.")

    @strawberry.field(description="The asset that was asked about.")
    async def root(self, info: Info) -> Asset:
        """The asset in the middle."""
        return (await self._assets(info, [self.found.root], chosen(info)))[self.found.root]

    @strawberry.field(description="The assets around it, nearest first, then by URN.")
    async def nodes(self, info: Info) -> list[LineageNode]:
        """All of them are read together."""
        info.context.will_list(len(self.found.nodes))
        if not _WALKED.isdisjoint(certain(info, "asset")):
            info.context.sight.will_look(len(self.found.nodes))
        known = await self._assets(info, [node.urn for node in self.found.nodes], chosen(info, "asset"))
        return [
            LineageNode(asset=known[node.urn], depth=node.depth, confidence=node.confidence)
            for node in self.found.nodes
        ]

    @strawberry.field(description="The edges between the listed nodes and the root, by source and target.")
    async def edges(self, info: Info) -> list[LineageEdge]:
        """All of them are read together."""
        found = self.found
        info.context.will_list(len(found.links))
        asked = chosen(info, "source") | chosen(info, "target")
        known = await self._assets(info, [found.root, *(node.urn for node in found.nodes)], asked)
        rows: Mapping[str, LineageRow] = {}
        if not chosen(info) <= _LINKED:
            rows = await info.context.rows(Kind.LINEAGE, found.position, [link.id for link in found.links])
        return [_edge(link, known, rows) for link in found.links]

    async def _assets(self, info: Info, urns: Sequence[str], asked: Collection[str]) -> dict[str, Asset]:
        return await asked_assets(info, urns, self.found.position, asked)


async def asked_assets(info: Info, urns: Sequence[str], position: int, asked: Collection[str]) -> dict[str, Asset]:
    """Assets that stand, by URN; their rows are not read where no more is asked than their URNs tell."""
    if _NAMED.issuperset(asked):
        return {urn: assets.named_asset(urn, position) for urn in urns}
    return await assets.asset_nodes(info, urns, position)


def _edge(link: Link, known: Mapping[str, Asset], rows: Mapping[str, LineageRow]) -> LineageEdge:
    return LineageEdge(
        id=strawberry.ID(link.id),
        row=rows.get(link.id),
        source=known[link.source],
        target=known[link.target],
        lineage_type=link.type,
        confidence=link.confidence,
    )


async def edge_node(info: Info, row: LineageRow, position: int) -> LineageEdge:
    """An edge in the graph; its ends are read together with those of others in the same turn."""
    source, target = await asyncio.gather(*(assets.asset_node(info, end, position) for end in (row.source, row.target)))
    return _stored_edge(row, source, target)


async def edge_nodes(
    info: Info, rows: Sequence[LineageRow], position: int, asked: Collection[str] | None = None
) -> list[LineageEdge]:
    """Edges in the graph, their ends read together. `asked`: the fields asked of the ends, None where nobody knows."""
    ends = list(dict.fromkeys(end for row in rows for end in (row.source, row.target)))
    if asked is None:
        known = await assets.asset_nodes(info, ends, position)
    else:
        known = await asked_assets(info, ends, position, asked)
    return [_stored_edge(row, known[row.source], known[row.target]) for row in rows]


def _stored_edge(row: LineageRow, source: Asset, target: Asset) -> LineageEdge:
    return LineageEdge(
        id=strawberry.ID(row.id),
        row=row,
        source=source,
        target=target,
        lineage_type=TYPES[row.kind],
        confidence=row.confidence,
    )


async def path_nodes(info: Info, chains: Sequence[Chain], position: int) -> list[LineagePath]:
    """Chains in the graph, their edges read together."""
    urns = list(dict.fromkeys(urn for chain in chains for urn in chain.edges))
    rows = await info.context.rows(Kind.LINEAGE, position, urns)
    nodes = {node.id: node for node in await edge_nodes(info, list(rows.values()), position)}
    return [
        LineagePath(edges=[nodes[strawberry.ID(urn)] for urn in chain.edges], confidence=chain.confidence)
        for chain in chains
    ]


async def around(
    info: Info,
    root: Urn,
    position: int,
    direction: LineageDirection,
    depth: int | None = None,
    least: float | None = None,
    types: Collection[Type] | None = None,
) -> LineageGraph:
    """What lies around an asset that stands at a position. Raises: BadUserInput, LimitExceeded."""
    asked = asked_around(root, position, direction, depth, least, types)
    return graph_of(await info.context.sight.around(replace(asked, links="edges" in chosen(info))))


def asked_around(
    root: Urn,
    position: int,
    direction: LineageDirection,
    depth: int | None,
    least: float | None = None,
    types: Collection[Type] | None = None,
) -> Asked:
    """The neighbourhood that a client asks for. Raises: BadUserInput."""
    if depth is not None and depth < 0:
        raise BadUserInput(f"depth {depth} is negative; ask for 0 or more edges, or null for all", field="depth")
    if least is not None and not 0 <= least <= 1:
        raise BadUserInput(f"minConfidence {least} is not between 0 and 1", field="minConfidence")
    return Asked(
        root=root,
        position=position,
        direction=direction,
        depth=depth,
        least=least,
        types=None if types is None else frozenset(types),
    )


def graph_of(found: Neighbourhood) -> LineageGraph:
    """A neighbourhood in the graph."""
    return LineageGraph(
        found=found,
        total_assets=found.total,
        complete=found.left_out is None,
        truncated_because=found.left_out,
        position=BigInt(found.position),
    )

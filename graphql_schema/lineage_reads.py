"""Lineage on the root and in a catalog: neighbourhoods, edges, chains; on the root pictures too."""

from typing import Annotated, TypeAlias

import strawberry

from graphql_schema.asset import LINEAGE, Depth
from graphql_schema.context import Info
from graphql_schema.guard import guarded
from graphql_schema.lineage import LineageEdge, LineageGraph, LineagePath, around, edge_nodes, path_nodes
from graphql_schema.lineage_words import LineageDirection, LineageType
from graphql_schema.paging import After, Connection, First, connection, request
from graphql_schema.position import position_of
from server.kernel.lineage import LineageDirection as Way
from server.kernel.permission import Permission
from server.mesh.lineage.assets import asset_urn
from server.mesh.lineage.queries import EdgeFilter, edges

Of: TypeAlias = Annotated[
    strawberry.ID, strawberry.argument(description="The URN of an asset: product:, dataset:, external:.")
]
Direction: TypeAlias = Annotated[
    LineageDirection | None,  # type: ignore[valid-type]
    strawberry.argument(description="Which way; null: both."),
]


@strawberry.type
class LineageReads:
    """Lineage on the root and in a catalog."""

    @guarded(
        Permission.CATALOG,
        description="What lies around an asset: how far away, how sure, and what connects it.",
        metadata=LINEAGE,
    )
    async def lineage(
        self,
        info: Info,
        of: Of,
        direction: Direction = Way.BOTH,
        depth: Depth = None,
        min_confidence: Annotated[
            float | None,
            strawberry.argument(description="Assets whose most trustworthy chain is at least this sure, 0 to 1."),
        ] = None,
        types: Annotated[
            list[LineageType] | None,  # type: ignore[valid-type]
            strawberry.argument(description="As if there were only edges of these types; null: of all."),
        ] = None,
    ) -> LineageGraph:
        """A neighbourhood."""
        position = await position_of(self, info)
        root = await info.context.mesh.assets.known(of, field="of", position=position)
        return await around(info, root, position, direction or Way.BOTH, depth, min_confidence, types)

    @guarded(Permission.CATALOG, description="Edges, the one that was registered first before the others.")
    async def lineage_edges(
        self,
        info: Info,
        origin: Annotated[
            strawberry.ID | None, strawberry.argument(name="source", description="From this asset, by URN.")
        ] = None,
        target: Annotated[strawberry.ID | None, strawberry.argument(description="To this asset, by URN.")] = None,
        type: Annotated[
            LineageType | None,  # type: ignore[valid-type]
            strawberry.argument(description="Of this type."),
        ] = None,
        first: First = 50,
        after: After = None,
    ) -> Connection[LineageEdge]:
        """A page of edges."""
        only = EdgeFilter(
            source=None if origin is None else asset_urn(origin, field="source"),
            target=None if target is None else asset_urn(target, field="target"),
            type=type,
        )
        position = await position_of(self, info)
        page = await info.context.mesh.reader.page(edges(only), request(first, after), position)
        nodes = {node.id: node for node in await edge_nodes(info, page.rows, page.position)}
        return connection(page, lambda row: nodes[strawberry.ID(row.id)])

    @guarded(
        Permission.CATALOG,
        description="The most trustworthy chains from one asset to another, without loops: confidence of a chain is"
        " the product of its edges'.",
        metadata=LINEAGE,
    )
    async def lineage_paths(
        self,
        info: Info,
        origin: Annotated[
            strawberry.ID, strawberry.argument(name="from", description="The asset at which the chains begin, by URN.")
        ],
        to: Annotated[strawberry.ID, strawberry.argument(description="The asset at which they end, by URN.")],
        first: Annotated[int | None, strawberry.argument(description="How many at most: 0 to 50.")] = 1,
    ) -> list[LineagePath]:
        """Chains; none where the second asset does not rest on the first."""
        mesh, position = info.context.mesh, await position_of(self, info)
        source = await mesh.assets.known(origin, field="from", position=position)
        target = await mesh.assets.known(to, field="to", position=position)
        chains = await mesh.lineages.paths(source, target, 1 if first is None else first, position)
        return await path_nodes(info, chains, position)

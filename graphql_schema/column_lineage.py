"""Columns in the graph: what a column is made of, and what is made of it."""

from typing import Annotated

import strawberry

from graphql_schema import asset as assets
from graphql_schema.asset import Asset
from graphql_schema.context import Info
from graphql_schema.guard import guarded
from graphql_schema.lineage_reads import Of
from graphql_schema.lineage_words import LineageDirection
from graphql_schema.position import position_of
from server.http.graphql.weight import price
from server.kernel import lineage
from server.kernel.permission import Permission


@strawberry.type(description="A column of an asset.")
class ColumnNode:
    """A column of an asset."""

    asset: Asset = strawberry.field(description="The asset.")
    column: str = strawberry.field(description="The column's name.")
    depth: int = strawberry.field(
        description="Fewest steps from the column that was asked about, which has 0; negative upstream, and of a column"
        " on both sides the smaller number, downstream on a tie."
    )


@strawberry.type(description="A column and one that it is made of.")
class ColumnEdge:
    """A column and one that it is made of."""

    source: ColumnNode = strawberry.field(description="What is used.")
    target: ColumnNode = strawberry.field(description="What it is used for.")
    type: str = strawberry.field(
        description="`DIRECT`: the value is used. `INDIRECT`: it decides on rows by filter, join, grouping or order."
    )


@strawberry.type(description="The columns that feed a column or are fed by it.")
class ColumnGraph:
    """The columns around one."""

    nodes: list[ColumnNode] = strawberry.field(
        description="The column that was asked about, then the others, nearest first."
    )
    edges: list[ColumnEdge] = strawberry.field(description="What connects them.")
    complete: bool = strawberry.field(
        description="False where an edge on the way says nothing of its columns, where a column on the way is no longer"
        " in its schema, and where the server's size limit cut."
    )


@strawberry.type
class ColumnReads:
    """Columns on the root and in a catalog."""

    @guarded(
        Permission.CATALOG,
        description="What a column is made of, or what is made of it, through however many assets.",
        metadata=price(20),
    )
    async def column_lineage(
        self,
        info: Info,
        of: Of,
        column: Annotated[str, strawberry.argument(description="One of its columns.")],
        direction: Annotated[
            LineageDirection | None,  # type: ignore[valid-type]
            strawberry.argument(description="Which way; null: upstream."),
        ] = lineage.LineageDirection.UPSTREAM,
    ) -> ColumnGraph:
        """The columns around one."""
        mesh, position = info.context.mesh, await position_of(self, info)
        asset = await mesh.assets.known(of, field="of", position=position)
        found = await mesh.columns.around(asset, column, direction or lineage.LineageDirection.UPSTREAM, position)
        known = await assets.asset_nodes(info, {node.asset: None for node in found.nodes}, position)
        nodes = [ColumnNode(asset=known[node.asset], column=node.column, depth=node.depth) for node in found.nodes]
        return ColumnGraph(
            nodes=nodes,
            edges=[
                ColumnEdge(source=nodes[source], target=nodes[target], type="DIRECT" if direct else "INDIRECT")
                for source, target, direct in found.links
            ],
            complete=found.complete,
        )

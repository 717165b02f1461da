"""Lineage as it changes: the neighbourhood of an asset, now and again each time that it is another one."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import strawberry

from graphql_schema.asset import Depth
from graphql_schema.context import Info
from graphql_schema.lineage import LineageGraph, asked_around, graph_of
from graphql_schema.lineage_reads import Direction, Of
from server.kernel.lineage import LineageDirection as Way
from server.kernel.permission import Permission
from server.mesh.lineage.watching import neighbourhoods


@strawberry.type
class LineageSubscription:
    """Lineage as it changes."""

    @strawberry.subscription(
        description="The asset's graph, now and again each time that its lineage changes. Changes that come faster than"
        " they are read are answered together. It ends with NOT_FOUND when the asset is deleted.",
        metadata={"permission": Permission.CATALOG},
    )
    async def lineage(
        self,
        info: Info,
        of: Of,
        direction: Direction = Way.BOTH,
        depth: Depth = None,
    ) -> AsyncGenerator[LineageGraph, None]:
        """Each state of the neighbourhood once."""
        info.context.require(Permission.CATALOG)
        mesh = info.context.mesh
        head = await mesh.events.head()
        root = await mesh.assets.known(of, field="of", position=head)
        asked = asked_around(root, head, direction or Way.BOTH, depth)
        async with aclosing(neighbourhoods(mesh.lineages, mesh.assets, mesh.feed, asked)) as states:
            async for found in states:
                info.context.renew()
                yield graph_of(found)

"""Impact in the graph: what rests on an asset or on some of its columns."""

from typing import TYPE_CHECKING, Annotated

import strawberry

from graphql_schema import contract as contracts
from graphql_schema import domain as domains
from graphql_schema import grant as grants
from graphql_schema.context import Info
from graphql_schema.guard import guarded
from graphql_schema.lineage import LineageNode, asked_assets
from graphql_schema.lineage_reads import Of
from graphql_schema.selection import chosen
from server.http.graphql.weight import price
from server.kernel.permission import Permission
from server.mesh.lineage import impact

if TYPE_CHECKING:
    from graphql_schema.contract import DataContract
    from graphql_schema.domain import Domain
    from graphql_schema.grant import ConsumptionGrant


@strawberry.type(description="What rests on an asset, or on some of its columns.")
class Impact:
    """What rests on an asset; only what is asked for is read."""

    found: strawberry.Private[impact.Impact]

    @strawberry.field(description="Assets downstream, nearest first.")
    async def assets(self, info: Info) -> list[LineageNode]:
        """All of them are read together."""
        nodes = self.found.nodes
        info.context.will_list(len(nodes))
        known = await asked_assets(info, [node.urn for node in nodes], self.found.position, chosen(info, "asset"))
        return [LineageNode(asset=known[node.urn], depth=node.depth, confidence=node.confidence) for node in nodes]

    @strawberry.field(
        description="Active contracts of the datasets among them and of the asset itself; with columns, those whose"
        " rules name one that is concerned."
    )
    async def contracts(
        self, info: Info
    ) -> list[Annotated["DataContract", strawberry.lazy("graphql_schema.contract")]]:
        """All of them are read together."""
        rows = await info.context.rows("contract", self.found.position, await self.found.contracts())
        return [contracts.contract_node(row, self.found.position) for row in rows.values()]

    @guarded(Permission.ROWS, description="Grants on published batches of these datasets that are live now.")
    async def grants(self, info: Info) -> list[Annotated["ConsumptionGrant", strawberry.lazy("graphql_schema.grant")]]:
        """All of them are read together."""
        rows = await info.context.rows("grant", self.found.position, await self.found.grants())
        return [grants.grant_node(row, self.found.position) for row in rows.values()]

    @guarded(Permission.ROWS, description="Who holds these grants, by name.")
    async def consumers(self) -> list[str]:
        """Each once."""
        return await self.found.consumers()

    @strawberry.field(description="The domains of the assets, by name.")
    async def domains(self, info: Info) -> list[Annotated["Domain", strawberry.lazy("graphql_schema.domain")]]:
        """All of them are read together."""
        rows = await info.context.rows("domain", self.found.position, await self.found.domains())
        return [domains.domain_node(row, self.found.position) for row in rows.values()]

    @strawberry.field(description="False where the server's size limit left something out.")
    async def complete(self) -> bool:
        """Of all the lists."""
        return await self.found.complete()


@strawberry.type
class ImpactQuery:
    """Impact on the root."""

    @guarded(
        Permission.CATALOG,
        description="What would break if an asset changed, or some of its columns.",
        metadata=price(50),
    )
    async def impact(
        self,
        info: Info,
        of: Of,
        columns: Annotated[
            list[str] | None, strawberry.argument(description="Some of its columns; null: all that rests on it.")
        ] = None,
    ) -> Impact:
        """What rests on it now."""
        context, position = info.context, await info.context.now()
        asset = await context.mesh.assets.known(of, field="of", position=position)
        return Impact(found=await context.mesh.impacts.of(asset, columns, position, context.sight))

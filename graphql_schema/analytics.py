"""Analytics: the mesh as a whole, on the root and in a catalog."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import strawberry

from graphql_schema.asset import Asset, asset_nodes
from graphql_schema.context import Info
from graphql_schema.domain import Domain, domain_node
from graphql_schema.enumeration import enumeration
from graphql_schema.guard import guarded
from graphql_schema.paging import First
from graphql_schema.position import position_of
from graphql_schema.scalars import BigInt
from server.adapters.store.paging import check_first
from server.http.graphql.weight import price
from server.kernel.lineage import LineageType
from server.kernel.permission import Permission
from server.mesh.lineage.analytics.census import DomainCounts
from server.mesh.lineage.analytics.graph import Criticality as By

Criticality = enumeration(
    By,
    name="Criticality",
    description="By what assets are ranked.",
    DOWNSTREAM="How many other assets lie downstream, exactly.",
    PAGERANK="PageRank against the edges: high where much that is relied on is made of it. All scores add up to 1.",
    BETWEENNESS="The share of shortest ways between two other assets that lead through it; estimated from 512 starting"
    " points, always the same, where more than 2000 assets have lineage.",
)


@strawberry.type(description="What stands in a domain.")
class DomainStats:
    """What stands in a domain."""

    domain: Domain = strawberry.field(description="The domain.")
    products: int = strawberry.field(description="Its data products.")
    active: int = strawberry.field(description="Those that are ACTIVE.")
    deprecated: int = strawberry.field(description="Those that are DEPRECATED.")
    inactive: int = strawberry.field(description="Those that are INACTIVE.")
    datasets: int = strawberry.field(description="Its datasets: those of its products, and those of the domain itself.")
    batches: int = strawberry.field(description="The batches of these datasets, expired ones among them.")
    published_rows: BigInt = strawberry.field(description="Rows of those batches that are published.")


@strawberry.type(description="The lineage graph in figures.")
class LineageStats:
    """The lineage graph in figures."""

    assets: int = strawberry.field(description="Assets with at least one edge.")
    edges: int = strawberry.field(description="Edges.")
    direct: int = strawberry.field(description="Edges of type DIRECT.")
    derived: int = strawberry.field(description="Edges of type DERIVED.")
    aggregated: int = strawberry.field(description="Edges of type AGGREGATED.")
    average_confidence: float | None = strawberry.field(description="The mean of all edges; null without edges.")
    roots: int = strawberry.field(description="Assets that nothing feeds.")
    leaves: int = strawberry.field(description="Assets that feed nothing.")
    components: int = strawberry.field(description="Parts of the graph that no edge connects.")
    longest_chain: int = strawberry.field(description="Edges of the longest chain, each loop taken as one asset.")
    cyclic: bool = strawberry.field(description="Whether there is a loop.")


@strawberry.type(description="How much one domain rests on another.")
class DomainDependency:
    """How much one domain rests on another."""

    source: Domain = strawberry.field(description="The domain whose assets feed.")
    target: Domain = strawberry.field(description="The domain whose assets are fed.")
    edges: int = strawberry.field(description="The edges that lead from one to the other.")


@strawberry.type(description="An asset and how much rests on it.")
class AssetScore:
    """An asset and how much rests on it."""

    asset: Asset = strawberry.field(description="The asset.")
    score: float = strawberry.field(description="What it was ranked by; see Criticality.")


@strawberry.type(description="What a consumer was granted.")
class ConsumerUsage:
    """What a consumer was granted."""

    consumer: str = strawberry.field(description="The principal's name.")
    grants: int = strawberry.field(description="The grants that it was given, ended ones among them.")
    batches: int = strawberry.field(description="The batches that these are of.")
    last_granted_at: datetime | None = strawberry.field(description="When it was given the latest.")


@strawberry.type(description="The mesh as a whole. Answers about the graph are kept until lineage changes.")
class Analytics:
    """The mesh as a whole at a position."""

    position: strawberry.Private[int]

    @strawberry.field(description="What stands in each domain, by name.", metadata=price(20))
    async def domains(self, info: Info) -> list[DomainStats]:
        """One statement for the figures, one for the domains."""
        counts = await info.context.mesh.census.domains(self.position)
        nodes = await _domains(info, [each.domain for each in counts], self.position)
        return [_domain_stats(each, node) for each, node in zip(counts, nodes, strict=True)]

    @strawberry.field(description="The lineage graph in figures.", metadata=price(20))
    async def lineage_stats(self, info: Info) -> LineageStats:
        """The figures."""
        stats = await info.context.mesh.analytics.stats(self.position)
        by_type = dict(zip(LineageType, stats.kinds, strict=True))
        return LineageStats(
            assets=stats.assets,
            edges=stats.edges,
            direct=by_type[LineageType.DIRECT],
            derived=by_type[LineageType.DERIVED],
            aggregated=by_type[LineageType.AGGREGATED],
            average_confidence=stats.average_confidence,
            roots=stats.roots,
            leaves=stats.leaves,
            components=stats.components,
            longest_chain=stats.longest_chain,
            cyclic=stats.cyclic,
        )

    @strawberry.field(
        description="Which domains rest on which, by source and target. A domain's own edges are left out, and so are"
        " external assets and datasets without a domain.",
        metadata=price(50),
    )
    async def domain_dependencies(self, info: Info) -> list[DomainDependency]:
        """The edges between domains."""
        found = await info.context.mesh.analytics.dependencies(self.position)
        sources = await _domains(info, [each.source for each in found], self.position)
        targets = await _domains(info, [each.target for each in found], self.position)
        return [
            DomainDependency(source=source, target=target, edges=each.edges)
            for each, source, target in zip(found, sources, targets, strict=True)
        ]

    @strawberry.field(
        description="Assets ranked by how much of the mesh rests on them, the highest score first, then by URN.",
        metadata=price(100),
    )
    async def critical_assets(
        self,
        info: Info,
        by: Annotated[
            Criticality | None,  # type: ignore[valid-type]
            strawberry.argument(description="By what; null: DOWNSTREAM."),
        ] = By.DOWNSTREAM,
        first: First = 10,
    ) -> list[AssetScore]:
        """The highest scores."""
        count = check_first(10 if first is None else first, pages=False)
        ranked = by or By.DOWNSTREAM
        scores = await info.context.mesh.analytics.critical(self.position, ranked, count)
        nodes = await asset_nodes(info, [each.asset for each in scores], self.position)
        return [AssetScore(asset=nodes[each.asset], score=each.score) for each in scores]

    @strawberry.field(description="Products and datasets with no lineage at all, by URN.", metadata=price(50))
    async def orphans(self, info: Info, first: First = 50) -> list[Asset]:
        """What no edge mentions."""
        found = await info.context.mesh.census.orphans(
            self.position, check_first(50 if first is None else first, pages=False)
        )
        nodes = await asset_nodes(info, found, self.position)
        return [nodes[each] for each in found]

    @strawberry.field(
        description="Dependency loops, each as its assets in order. What can be reached from each other counts once:"
        " as the shortest loop through the asset with the smallest URN, which is its first; by that URN.",
        metadata=price(50),
    )
    async def cycles(self, info: Info, first: First = 10) -> list[list[Asset]]:
        """The loops."""
        loops = await info.context.mesh.analytics.cycles(
            self.position, check_first(10 if first is None else first, pages=False)
        )
        nodes = await asset_nodes(info, {each for loop in loops for each in loop}, self.position)
        return [[nodes[each] for each in loop] for loop in loops]

    @guarded(
        Permission.ROWS,
        description="Consumers by how many grants they were given, most first, then by name.",
        metadata=price(20),
    )
    async def consumption(self, info: Info, first: First = 50) -> list[ConsumerUsage]:
        """The consumers."""
        found = await info.context.mesh.census.consumers(
            self.position, check_first(50 if first is None else first, pages=False)
        )
        return [
            ConsumerUsage(
                consumer=each.consumer,
                grants=each.grants,
                batches=each.batches,
                last_granted_at=each.last_granted_at,
            )
            for each in found
        ]


@strawberry.type
class AnalyticsReads:
    """Analytics on the root and in a catalog."""

    @guarded(Permission.CATALOG, description="The mesh as a whole: figures, rankings, loops, gaps.")
    async def analytics(self, info: Info) -> Analytics:
        """Each field computes its own answer."""
        return Analytics(position=await position_of(self, info))


async def _domains(info: Info, urns: Sequence[str], position: int) -> list[Domain]:
    rows = await info.context.rows("domain", position, sorted(set(urns)))
    nodes = {urn: domain_node(row, position) for urn, row in rows.items()}
    return [nodes[urn] for urn in urns]


def _domain_stats(counts: DomainCounts, node: Domain) -> DomainStats:
    return DomainStats(
        domain=node,
        products=counts.products,
        active=counts.active,
        deprecated=counts.deprecated,
        inactive=counts.inactive,
        datasets=counts.datasets,
        batches=counts.batches,
        published_rows=BigInt(counts.published_rows),
    )

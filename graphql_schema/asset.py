"""Assets in the graph: whatever can stand in lineage, with what feeds it and what it feeds."""

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import strawberry

from graphql_schema.context import Info
from graphql_schema.node import Node
from server.http.graphql.weight import price
from server.kernel.external import parse_external
from server.kernel.ids import Kind, Urn, name_of
from server.kernel.lineage import LineageDirection

if TYPE_CHECKING:
    from graphql_schema.lineage import LineageGraph

LINEAGE = price(10)  # a walk through the graph, however far it leads
Depth: TypeAlias = Annotated[
    int | None, strawberry.argument(description="How many edges away at most; null: however far; 0: nothing.")
]


@strawberry.interface(description="Anything that can stand in a lineage graph.")
class Asset(Node):
    """An asset at a position."""

    position: strawberry.Private[int]
    name: str = strawberry.field(description="Its name.")

    @strawberry.field(description="What feeds it, directly or through others.", metadata=LINEAGE)
    async def upstream(
        self, info: Info, depth: Depth = None
    ) -> Annotated["LineageGraph", strawberry.lazy("graphql_schema.lineage")]:
        """What feeds it."""
        return await lineages.around(info, Urn(self.id), self.position, LineageDirection.UPSTREAM, depth)

    @strawberry.field(description="What it feeds, directly or through others.", metadata=LINEAGE)
    async def downstream(
        self, info: Info, depth: Depth = None
    ) -> Annotated["LineageGraph", strawberry.lazy("graphql_schema.lineage")]:
        """What it feeds."""
        return await lineages.around(info, Urn(self.id), self.position, LineageDirection.DOWNSTREAM, depth)


# What these rooms offer inherits the interface above.
from graphql_schema import dataset as datasets  # noqa: E402
from graphql_schema import external_asset as externals  # noqa: E402
from graphql_schema import lineage as lineages  # noqa: E402
from graphql_schema import product as products  # noqa: E402


async def asset_node(info: Info, urn: str, position: int) -> Asset:
    """One asset that stands at a position; those of one turn are read together."""
    found = await find_asset(info, urn, position)
    assert found is not None, "an asset stands as long as lineage names it"
    return found


async def find_asset(info: Info, urn: str, position: int) -> Asset | None:
    """One asset, if it stands at a position; those of one turn are read together."""
    kind = urn.partition(":")[0]
    row = await info.context.load(kind, position, urn)
    return None if row is None else _makers()[kind](row, position)


async def asset_nodes(info: Info, urns: Collection[str], position: int) -> dict[str, Asset]:
    """Assets that stand at a position, by URN."""
    by_kind: dict[str, list[str]] = {}
    for urn in urns:
        by_kind.setdefault(urn.partition(":")[0], []).append(urn)
    nodes: dict[str, Asset] = {}
    for kind, asked in sorted(by_kind.items()):
        make = _makers()[kind]
        rows = await info.context.rows(kind, position, asked)
        nodes.update((urn, make(row, position)) for urn, row in rows.items())
    return nodes


def named_asset(urn: str, position: int) -> Asset:
    """An asset of which only id, name and lineage may be asked: its URN says them."""
    kind = Kind(urn.partition(":")[0])
    made = object.__new__(_types()[kind])
    made.id, made.position = strawberry.ID(urn), position
    made.name = parse_external(urn, field="id").name if kind is Kind.EXTERNAL else name_of(Urn(urn))
    return made


def _types() -> dict[str, type[Asset]]:
    return {
        Kind.PRODUCT: products.DataProduct,
        Kind.DATASET: datasets.Dataset,
        Kind.EXTERNAL: externals.ExternalAsset,
    }


def _makers() -> dict[str, Callable[[Any, int], Asset]]:  # of the kind's rows
    return {
        Kind.PRODUCT: products.product_node,
        Kind.DATASET: datasets.dataset_node,
        Kind.EXTERNAL: externals.external_node,
    }

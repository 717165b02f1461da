"""Search in the graph."""

import asyncio
from typing import Annotated, TypeAlias

import strawberry

from graphql_schema.context import Info
from graphql_schema.contract import DataContract
from graphql_schema.dataset import Dataset
from graphql_schema.domain import Domain
from graphql_schema.enumeration import enumeration
from graphql_schema.external_asset import ExternalAsset
from graphql_schema.guard import guarded
from graphql_schema.lake import DataLake
from graphql_schema.nodes import find_node
from graphql_schema.paging import After, Connection, Edge, First, page_info, request
from graphql_schema.product import DataProduct
from server.http.graphql.weight import price
from server.kernel.permission import Permission
from server.mesh.search.queries import AssetKind as Kind

AssetKind = enumeration(
    Kind,
    name="AssetKind",
    description="What a thing of the mesh is.",
    DOMAIN="A part of the mesh that somebody answers for.",
    PRODUCT="A data product.",
    DATASET="A dataset.",
    CONTRACT="A contract.",
    BATCH="A batch; batches are not searched.",
    LAKE="A data lake.",
    EXTERNAL="Something outside that lineage names.",
)

SearchResult: TypeAlias = Annotated[
    Domain | DataProduct | Dataset | DataContract | DataLake | ExternalAsset,
    strawberry.union(name="SearchResult", description="Something that search finds."),
]

FOUND = (Domain, DataProduct, Dataset, DataContract, DataLake, ExternalAsset)


@strawberry.type
class SearchReads:
    """Search on the root."""

    @guarded(
        Permission.CATALOG,
        description=(
            "What holds every word of the text now, or words that begin so: first things whose name begins with the"
            " text, then by where the words stand: names, tags, descriptions, owners and field names."
        ),
        metadata=price(20),
    )
    async def search(
        self,
        info: Info,
        text: Annotated[
            str, strawberry.argument(description="1 to 200 characters; signs between words count as spaces.")
        ],
        kinds: Annotated[
            list[AssetKind] | None,  # type: ignore[valid-type]
            strawberry.argument(description="Only things of these kinds; null for all. Not BATCH."),
        ] = None,
        first: First = 20,
        after: After = None,
    ) -> Connection[SearchResult]:
        """A page of what is found. What came after the position of the operation is left out."""
        page = await info.context.mesh.search.page(text, kinds, request(first, after, default=20))
        found = await asyncio.gather(*(find_node(info, id) for id in page.rows))
        edges = [
            Edge(node=node, cursor=cursor)
            for node, cursor in zip(found, page.cursors, strict=True)
            if isinstance(node, FOUND)
        ]
        assert page.count is not None, "search counts its own pages"
        return Connection(
            edges=edges, nodes=[edge.node for edge in edges], page_info=page_info(page), counter=page.count
        )

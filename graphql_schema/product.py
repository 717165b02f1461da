"""Data products in the graph."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from graphql_schema import dataset as datasets
from graphql_schema import domain as domains
from graphql_schema import event_log as events
from graphql_schema.asset import Asset
from graphql_schema.context import Info
from graphql_schema.field import Field, field
from graphql_schema.guard import guarded
from graphql_schema.paging import After, Connection, First, connection, request
from graphql_schema.position import position_of
from graphql_schema.product_listing import DataProductFilter, DataProductOrder, product_listing
from graphql_schema.product_status import DataProductStatus
from server.kernel.permission import Permission
from server.mesh.dataset.queries import OF_PRODUCT
from server.mesh.product.facts import ProductStatus
from server.mesh.product.queries import ProductRow, fields_of

if TYPE_CHECKING:
    from graphql_schema.dataset import Dataset
    from graphql_schema.domain import Domain
    from graphql_schema.event import Event


@strawberry.type(
    description="What a domain offers: a schema, a version, and the datasets through which it is consumed."
)
class DataProduct(Asset):
    """A data product at a position."""

    domain_id: strawberry.Private[str]
    revision: int = strawberry.field(description="The version of its stream: what `expectedVersion` takes.")
    owner: str = strawberry.field(description="Who answers for it.")
    description: str = strawberry.field(description="What it is about.")
    schema: list[Field] = strawberry.field(description="The columns that it promises, in order.")
    status: DataProductStatus = strawberry.field(description="Whether consumers should count on it.")  # type: ignore[valid-type]
    version: str = strawberry.field(
        description="Semantic version. A change of schema that breaks readers raises the major number."
    )
    tags: list[str] = strawberry.field(description="Short words by which it is found, in small letters.")
    created_at: datetime = strawberry.field(description="When it was registered.")
    updated_at: datetime = strawberry.field(description="When it changed last.")

    @strawberry.field(description="The domain that offers it.")
    async def domain(self, info: Info) -> Annotated["Domain", strawberry.lazy("graphql_schema.domain")]:
        """Its domain."""
        row = await info.context.load("domain", self.position, self.domain_id)
        return domains.domain_node(row, self.position)

    @strawberry.field(description="The datasets through which it is consumed, its output ports, by name.")
    async def datasets(
        self, info: Info, first: First = 50, after: After = None
    ) -> Connection[Annotated["Dataset", strawberry.lazy("graphql_schema.dataset")]]:
        """A page of datasets."""
        page = await info.context.children(OF_PRODUCT, request(first, after), self.position, self.id)
        return connection(page, lambda row: datasets.dataset_node(row, page.position))

    @guarded(Permission.AUDIT, description="What happened to it, oldest first.")
    async def events(
        self, info: Info, first: First = 50, after: After = None
    ) -> Connection[Annotated["Event", strawberry.lazy("graphql_schema.event")]]:
        """A page of events up to the position."""
        return await events.events_of(info, self.id, self.position, first, after)


@strawberry.type
class ProductReads:
    """Data products on the root and in a catalog."""

    @guarded(Permission.CATALOG, description="A data product by URN or name.")
    async def data_product(
        self, info: Info, name: Annotated[strawberry.ID, strawberry.argument(description="URN or name.")]
    ) -> DataProduct | None:
        """The product, or null."""
        position = await position_of(self, info)
        row = await info.context.mesh.products.find(name, position)
        return None if row is None else product_node(row, position)

    @guarded(Permission.CATALOG, description="Data products.")
    async def data_products(
        self,
        info: Info,
        filter: Annotated[DataProductFilter | None, strawberry.argument(description="Which of them.")] = None,
        order_by: Annotated[
            DataProductOrder | None,  # type: ignore[valid-type]
            strawberry.argument(description="How they follow one another; by name unless said."),
        ] = None,
        first: First = 50,
        after: After = None,
    ) -> Connection[DataProduct]:
        """A page of products."""
        listing = product_listing(filter, order_by)
        position = await position_of(self, info)
        page = await info.context.mesh.reader.page(listing, request(first, after), position)
        return connection(page, lambda row: product_node(row, page.position))


def product_node(row: ProductRow, position: int) -> DataProduct:
    """A data product in the graph."""
    return DataProduct(
        id=strawberry.ID(row.id),
        position=position,
        domain_id=row.domain,
        revision=row.revision,
        name=row.name,
        owner=row.owner,
        description=row.description,
        schema=[field(column) for column in fields_of(row)],
        status=ProductStatus(row.status),
        version=row.version,
        tags=row.tags,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )

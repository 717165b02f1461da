"""Which data products a listing is about, and how they follow one another."""

import strawberry

from graphql_schema.enumeration import enumeration
from graphql_schema.product_status import DataProductStatus
from server.adapters.store.listing import Listing
from server.kernel.ids import Kind, reference
from server.mesh.product.listing import ProductFilter, ProductOrder, products
from server.mesh.product.queries import ProductRow

DataProductOrder = enumeration(
    ProductOrder,
    name="DataProductOrder",
    description="How data products follow one another.",
    NAME_ASC="By name, A first.",
    NAME_DESC="By name, Z first.",
    CREATED_ASC="As they were registered, the oldest first.",
    CREATED_DESC="As they were registered, the newest first.",
    UPDATED_ASC="As they changed last, the one that has rested longest first.",
    UPDATED_DESC="As they changed last, the latest change first.",
)


@strawberry.input(description="Which data products are meant: those that match everything given.")
class DataProductFilter:
    """Which data products are meant."""

    domain: strawberry.ID | None = strawberry.field(default=None, description="Of this domain, by URN or name.")
    status: DataProductStatus | None = strawberry.field(default=None, description="In this status.")  # type: ignore[valid-type]
    tag: str | None = strawberry.field(default=None, description="With this tag, in any case.")
    owner: str | None = strawberry.field(default=None, description="Of this owner, the whole name in any case.")
    text: str | None = strawberry.field(default=None, description="Stands somewhere in the name, in any case.")


def product_listing(given: DataProductFilter | None, order: ProductOrder | None) -> Listing[ProductRow]:
    """The products that are meant, by name unless another order is asked. Raises: BadUserInput."""
    by = order or ProductOrder.NAME_ASC
    if given is None:
        return products(ProductFilter(), by)
    only = ProductFilter(
        domain=None if given.domain is None else reference(Kind.DOMAIN, given.domain, field="domain"),
        status=given.status,
        tag=given.tag,
        owner=given.owner,
        text=given.text,
    )
    return products(only, by)

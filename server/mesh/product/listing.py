"""Listings of data products: which of them, and in which order."""

from enum import StrEnum

from sqlalchemy import func
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import col

from server.adapters.store.listing import Listing
from server.kernel.record import record
from server.mesh.product.facts import ProductStatus
from server.mesh.product.tables import ProductRow
from server.mesh.product.tags import check_tags


class ProductOrder(StrEnum):
    """How data products follow one another. Created and updated count positions of the log."""

    NAME_ASC = "NAME_ASC"
    NAME_DESC = "NAME_DESC"
    CREATED_ASC = "CREATED_ASC"
    CREATED_DESC = "CREATED_DESC"
    UPDATED_ASC = "UPDATED_ASC"
    UPDATED_DESC = "UPDATED_DESC"


KEYS = {"NAME": "name", "CREATED": "created_position", "UPDATED": "updated_position"}


@record
class ProductFilter:
    """Which data products are meant.

    `domain` is a URN; `tag` and `owner` are compared whole, in any case; `text` stands somewhere in the name, in any
    case. What is blank is not asked for.
    """

    domain: str | None = None
    status: ProductStatus | None = None
    tag: str | None = None
    owner: str | None = None
    text: str | None = None


def products(only: ProductFilter, order: ProductOrder = ProductOrder.NAME_ASC) -> Listing[ProductRow]:
    """The products that match everything that is given."""
    conditions: list[ColumnElement[bool]] = []
    if only.domain is not None:
        conditions.append(col(ProductRow.domain) == only.domain)
    if only.status is not None:
        conditions.append(col(ProductRow.status) == only.status.value)
    if only.tag and (tags := check_tags([only.tag])):
        conditions.append(col(ProductRow.tags).op("@>")(list(tags)))
    if only.owner and only.owner.strip():
        conditions.append(func.lower(col(ProductRow.owner)) == func.lower(only.owner.strip()))
    if only.text:
        conditions.append(col(ProductRow.name).icontains(only.text, autoescape=True))
    by, _, way = order.partition("_")
    return Listing(
        table=ProductRow,
        key=KEYS[by],
        conditions=tuple(conditions),
        parts=(only.domain, only.status, only.tag, only.owner, only.text),
        descending=way == "DESC",
    )

"""The status of a data product in the graph."""

from graphql_schema.enumeration import enumeration
from server.mesh.product.facts import ProductStatus

DataProductStatus = enumeration(
    ProductStatus,
    name="DataProductStatus",
    description="Whether consumers should count on a data product.",
    ACTIVE="They may.",
    DEPRECATED="They should leave it.",
    INACTIVE="It is out of use.",
)

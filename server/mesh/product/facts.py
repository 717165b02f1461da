"""What can happen to a data product: the events of its stream."""

from enum import StrEnum
from typing import TypeAlias

from server.kernel.fields import Field
from server.kernel.ids import Urn
from server.kernel.record import record


class ProductStatus(StrEnum):
    """Whether consumers should count on a product."""

    ACTIVE = "ACTIVE"
    DEPRECATED = "DEPRECATED"
    INACTIVE = "INACTIVE"


@record
class DataProductRegistered:
    """A data product exists. `version` is its semantic version."""

    name: str
    domain: Urn
    owner: str
    description: str
    fields: tuple[Field, ...]
    tags: tuple[str, ...]
    version: str
    status: ProductStatus


@record
class DataProductUpdated:
    """The product's terms changed; all of them are given."""

    product: Urn
    owner: str
    description: str
    fields: tuple[Field, ...]
    tags: tuple[str, ...]
    version: str


@record
class DataProductActivated:
    """Consumers may count on the product."""

    product: Urn


@record
class DataProductDeprecated:
    """Consumers should leave the product."""

    product: Urn


@record
class DataProductDeactivated:
    """The product is out of use."""

    product: Urn


@record
class DataProductDeleted:
    """The product is gone. `datasets` are those that stood in it and now stand in none."""

    product: Urn
    reason: str | None
    datasets: tuple[Urn, ...]


StatusChanged: TypeAlias = DataProductActivated | DataProductDeprecated | DataProductDeactivated
Event: TypeAlias = DataProductRegistered | DataProductUpdated | StatusChanged | DataProductDeleted

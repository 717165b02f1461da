"""A data product's state, folded from its events. A deleted product is none: its name is free again."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias, assert_never

from server.kernel.fields import Field
from server.kernel.ids import Urn
from server.kernel.record import record
from server.mesh.product.facts import (
    DataProductActivated,
    DataProductDeactivated,
    DataProductDeleted,
    DataProductDeprecated,
    DataProductRegistered,
    DataProductUpdated,
    Event,
    ProductStatus,
    StatusChanged,
)


@record
class Terms:
    """What an owner may change of a product, its status aside. `version` is semantic."""

    owner: str
    description: str
    fields: tuple[Field, ...]
    tags: tuple[str, ...]
    version: str


@record
class Product:
    """A product that stands."""

    name: str
    domain: Urn
    terms: Terms
    status: ProductStatus


State: TypeAlias = Product | None

STATUS_OF: Mapping[type[StatusChanged], ProductStatus] = {
    DataProductActivated: ProductStatus.ACTIVE,
    DataProductDeprecated: ProductStatus.DEPRECATED,
    DataProductDeactivated: ProductStatus.INACTIVE,
}


def evolve(state: State, event: Event) -> State:
    """The state after the event."""
    match event:
        case DataProductRegistered():
            return Product(name=event.name, domain=event.domain, terms=terms_of(event), status=event.status)
        case DataProductUpdated():
            return replace(_standing(state), terms=terms_of(event))
        case DataProductActivated() | DataProductDeprecated() | DataProductDeactivated():
            return replace(_standing(state), status=STATUS_OF[type(event)])
        case DataProductDeleted():
            return None
        case _:
            assert_never(event)


def terms_of(event: DataProductRegistered | DataProductUpdated) -> Terms:
    """The terms that an event carries."""
    return Terms(
        owner=event.owner,
        description=event.description,
        fields=event.fields,
        tags=event.tags,
        version=event.version,
    )


def _standing(state: State) -> Product:
    assert state is not None, "a product is registered before it changes"
    return state

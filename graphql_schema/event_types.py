"""A graph type for each event, derived from its record: data as camelCase fields, references as objects."""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Optional, get_type_hints

import strawberry

from graphql_schema import asset as assets
from graphql_schema import batch as batches
from graphql_schema import contract as contracts
from graphql_schema import dataset as datasets
from graphql_schema import deletion as deletions
from graphql_schema import domain as domains
from graphql_schema import event as events
from graphql_schema import grant as grants
from graphql_schema import lake as lakes
from graphql_schema import product as products
from graphql_schema import run as runs
from graphql_schema.context import Info
from graphql_schema.erased_rows import ErasedRows, erased_rows
from graphql_schema.event_fields import DESCRIPTIONS, VALUES
from server.mesh.slices import CODEC

if TYPE_CHECKING:
    from graphql_schema.asset import Asset
    from graphql_schema.run import ProcessRun

# References by the name of the field: the loader's kind and the node that its row becomes.
_NODES: dict[str, tuple[str, str, str]] = {
    "domain": ("Domain", "graphql_schema.domain", "domain"),
    "product": ("DataProduct", "graphql_schema.product", "product"),
    "dataset": ("Dataset", "graphql_schema.dataset", "dataset"),
    "contract": ("DataContract", "graphql_schema.contract", "contract"),
    "batch": ("Batch", "graphql_schema.batch", "batch"),
    "deletion": ("GdprDeletion", "graphql_schema.deletion", "deletion"),
    "lake": ("DataLake", "graphql_schema.lake", "lake"),
    "grant": ("ConsumptionGrant", "graphql_schema.grant", "grant"),
}


def _node(name: str, row: Any, position: int) -> Any:  # a row of the kind
    makers: dict[str, Callable[[Any, int], Any]] = {
        "domain": domains.domain_node,
        "product": products.product_node,
        "dataset": datasets.dataset_node,
        "contract": contracts.contract_node,
        "batch": batches.batch_node,
        "deletion": deletions.deletion_node,
        "lake": lakes.lake_node,
        "grant": grants.grant_node,
    }
    return makers[name](row, position)


def _reference(name: str) -> Any:  # a resolver
    async def resolve(root: "events.Event", info: Info) -> Any:
        identifier = getattr(root.record, name)
        if identifier is None:
            return None
        after = root.stored.position
        for position in (after, after - 1):  # what the event took away is shown as it stood before
            row = await info.context.load(name, position, identifier)
            if row is not None:
                return _node(name, row, position)
        return None

    return resolve


def _asset(name: str) -> Any:  # a resolver
    async def resolve(root: "events.Event", info: Info) -> Any:
        identifier, after = getattr(root.record, name), root.stored.position
        found = await assets.find_asset(info, identifier, after)
        return found or await assets.find_asset(info, identifier, after - 1)

    return resolve


def _run() -> Any:  # a resolver
    async def resolve(root: "events.Event", info: Info) -> Any:
        run = await info.context.mesh.runs.find(root.record.run)
        return None if run is None else runs.run_node(run)

    return resolve


def _erased() -> Any:  # a resolver
    def resolve(root: "events.Event") -> Any:
        return [erased_rows(one, root.stored.position) for one in root.record.erased]

    return resolve


def _value(name: str, convert: Callable[[Any], Any]) -> Any:  # a resolver
    def resolve(root: "events.Event") -> Any:
        value = getattr(root.record, name)
        return None if value is None else convert(value)

    return resolve


def _field(event: str, name: str, hint: Any) -> tuple[Any, Any]:  # a Strawberry field and its graph type
    description = DESCRIPTIONS.get(f"{event}.{name}") or DESCRIPTIONS[name]
    if name in _NODES:
        type_name, module, _ = _NODES[name]
        kind: Any = Optional[Annotated[type_name, strawberry.lazy(module)]]  # noqa: UP045  # of a string
        return strawberry.field(resolver=_reference(name), description=description, graphql_type=kind), kind
    if name in ("source", "target"):
        kind = Optional[Annotated["Asset", strawberry.lazy("graphql_schema.asset")]]  # noqa: UP045  # of a string
        return strawberry.field(resolver=_asset(name), description=description, graphql_type=kind), kind
    if name == "run":
        kind = Optional[Annotated["ProcessRun", strawberry.lazy("graphql_schema.run")]]  # noqa: UP045  # of a string
        return strawberry.field(resolver=_run(), description=description, graphql_type=kind), kind
    if name == "erased":
        return strawberry.field(resolver=_erased(), description=description, graphql_type=list[ErasedRows]), ErasedRows
    kind, convert = VALUES[hint]
    return strawberry.field(resolver=_value(name, convert), description=description, graphql_type=kind), kind


# The data's `version` is a product's own; that of the stream stands in every event.
_NAMES = {"version": "product_version"}


def _type(cls: type) -> Any:  # a Strawberry type that implements Event
    hints = get_type_hints(cls)
    members = {
        _NAMES.get(field.name, field.name): _field(cls.__name__, field.name, hints[field.name])[0]
        for field in dataclasses.fields(cls)
    }
    made = type(cls.__name__, (events.Event,), {"__doc__": cls.__doc__, **members})
    return strawberry.type(made, description=(cls.__doc__ or "").strip().replace("\n    ", " "))


EVENT_TYPES: dict[str, Any] = {name: _type(cls) for name, cls in CODEC.types.items()}

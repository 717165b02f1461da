"""What clients say of datasets: which they mean, how one is registered or replayed."""

import strawberry
from strawberry.scalars import JSON

from graphql_schema.field import FieldInput
from graphql_schema.payload import KEY, WAIT
from graphql_schema.schema_version import SchemaFormat
from server.kernel.ids import Kind, reference
from server.mesh.dataset.queries import DatasetFilter as Filter


@strawberry.input(description="Which datasets are meant: those that match everything given.")
class DatasetFilter:
    """Which datasets are meant."""

    domain: strawberry.ID | None = strawberry.field(
        default=None, description="Those of this domain and of its products, by URN or name."
    )
    product: strawberry.ID | None = strawberry.field(
        default=None, description="The output ports of this data product, by URN or name."
    )
    lake: strawberry.ID | None = strawberry.field(default=None, description="Those in this data lake, by URN or id.")
    contains_pii: bool | None = strawberry.field(
        default=None, description="true: those said to hold personal data; false: all others."
    )
    text: str | None = strawberry.field(default=None, description="Stands somewhere in the name, in any case.")


@strawberry.input(description="A dataset to be registered.")
class RegisterDatasetInput:
    """A dataset to be registered."""

    name: str = strawberry.field(description="1 to 128 letters, digits, '.', '_' or '-'; unique case aside.")
    fields: list[FieldInput] | None = strawberry.field(
        default=None, description="Its columns. Exactly one of fields, schema and schemaText."
    )
    schema: JSON | None = strawberry.field(default=None, description="Its columns as {column: type}.")
    schema_text: str | None = strawberry.field(default=None, description="Its columns in the format schemaFormat.")
    schema_format: SchemaFormat | None = strawberry.field(  # type: ignore[valid-type]
        default=None, description="What schemaText is written in."
    )
    product: strawberry.ID | None = strawberry.field(
        default=None, description="The data product that it is an output port of, by URN or name."
    )
    domain: strawberry.ID | None = strawberry.field(
        default=None, description="The domain that it belongs to, by URN or name; that of the product where it has one."
    )
    contains_pii: bool | None = strawberry.field(
        default=None, description="Whether it holds personal data; true of itself where a field is marked pii."
    )
    encryption_enabled: bool | None = strawberry.field(default=False, description="Whether it is encrypted at rest.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A replay to be started.")
class RequestReplayInput:
    """A replay to be started."""

    dataset: strawberry.ID = strawberry.field(description="The dataset, by URN or name.")
    reason: str | None = strawberry.field(default="", description="Why.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)
    wait_seconds: float | None = strawberry.field(default=30, description=WAIT)


def dataset_filter(given: DatasetFilter | None) -> Filter:
    """The filter as the queries take it. Raises: BadUserInput."""
    if given is None:
        return Filter()
    return Filter(
        contains_pii=given.contains_pii,
        text=given.text,
        product=None if given.product is None else reference(Kind.PRODUCT, given.product, field="product"),
        domain=None if given.domain is None else reference(Kind.DOMAIN, given.domain, field="domain"),
        lake=None if given.lake is None else reference(Kind.LAKE, given.lake, field="lake"),
    )

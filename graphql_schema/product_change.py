"""What may be done to data products: registered, changed, deleted."""

from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from graphql_schema.change import kept
from graphql_schema.context import Info
from graphql_schema.field import FieldInput, given_fields
from graphql_schema.guard import mutation
from graphql_schema.payload import EVENTS, KEY, DeletePayload, Events, MutationPayload, recorded
from graphql_schema.product import DataProduct, product_node
from graphql_schema.product_status import DataProductStatus
from server.adapters.store.commands import Receipt
from server.kernel.errors import BadUserInput
from server.kernel.fields import Field, check_fields
from server.kernel.ids import Urn
from server.mesh.product.domain import UpdateProduct
from server.mesh.product.service import product_named
from server.mesh.product.state import Terms


@strawberry.input(description="A data product to be registered.")
class RegisterDataProductInput:
    """A data product to be registered."""

    name: str = strawberry.field(description="1 to 128 letters, digits, '.', '_' or '-'; unique case aside.")
    domain: strawberry.ID = strawberry.field(description="The domain that offers it, by URN or name.")
    owner: str = strawberry.field(description="Who answers for it, in 1 to 200 characters.")
    description: str | None = strawberry.field(
        default="", description="What it is about, in at most 10,000 characters."
    )
    fields: list[FieldInput] | None = strawberry.field(
        default=None, description="The columns that it promises. Exactly one of fields and schema."
    )
    schema: JSON | None = strawberry.field(default=None, description="The columns as {column: type}.")
    tags: list[str] | None = strawberry.field(
        default_factory=list, description="At most 20 words of 1 to 50 characters; kept in small letters, each once."
    )
    version: str | None = strawberry.field(default="1.0.0", description="Semantic version: MAJOR.MINOR.PATCH.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="What changes in a data product: what is absent stays, an explicit null removes.")
class UpdateDataProductInput:
    """What changes in a data product."""

    name: strawberry.ID = strawberry.field(description="The product, by URN or name.")
    owner: strawberry.Maybe[str | None] = strawberry.field(description="Who answers for it; not null.")
    description: strawberry.Maybe[str | None] = strawberry.field(description="What it is about; null for nothing.")
    fields: strawberry.Maybe[list[FieldInput] | None] = strawberry.field(
        description="The columns that it promises, whole; not null. Another schema needs a higher version, one that"
        " breaks readers a higher major number."
    )
    schema: strawberry.Maybe[JSON | None] = strawberry.field(
        description="The columns as {column: type}, in place of fields."
    )
    status: strawberry.Maybe[DataProductStatus | None] = strawberry.field(  # type: ignore[valid-type]
        description="Whether consumers should count on it; not null."
    )
    tags: strawberry.Maybe[list[str] | None] = strawberry.field(description="Its tags, whole; null for none.")
    version: strawberry.Maybe[str | None] = strawberry.field(description="A version that is not lower; not null.")
    expected_version: int | None = strawberry.field(
        default=None, description="The `revision` that the change rests on; CONFLICT where it differs."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A data product to be deleted.")
class DeleteDataProductInput:
    """A data product to be deleted."""

    name: strawberry.ID = strawberry.field(description="The product, by URN or name.")
    reason: str | None = strawberry.field(default=None, description="Why.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.type(description="A data product that was registered or changed.")
class DataProductPayload(MutationPayload):
    """A data product that was registered or changed."""

    data_product: DataProduct = strawberry.field(description="The product as it now stands.")
    events: Events = strawberry.field(description=EVENTS)


@strawberry.type
class ProductMutation:
    """What may be done to data products."""

    @mutation("Registers a data product of a domain.")
    async def register_data_product(
        self, info: Info, input: Annotated[RegisterDataProductInput, strawberry.argument(description="The product.")]
    ) -> DataProductPayload:
        """RegisterProduct -> DataProductRegistered."""
        context = info.context
        fields = given_columns(input.fields, input.schema)
        if fields is None:
            raise BadUserInput("no schema is given; give exactly one of fields and schema", field="fields")
        terms = Terms(
            owner=input.owner,
            description=input.description or "",
            fields=fields,
            tags=tuple(input.tags or ()),
            version="1.0.0" if input.version is None else input.version,
        )
        product, receipt = await context.mesh.product_service.register(
            input.name,
            input.domain,
            terms,
            intent=context.intent("registerDataProduct", input, input.idempotency_key),
        )
        return await payload(info, product, receipt)

    @mutation("Changes a data product. Another schema needs a higher version, one that breaks readers a higher major.")
    async def update_data_product(
        self, info: Info, input: Annotated[UpdateDataProductInput, strawberry.argument(description="What changes.")]
    ) -> DataProductPayload:
        """UpdateProduct -> DataProductUpdated, DataProductActivated, DataProductDeprecated, DataProductDeactivated."""
        context = info.context
        command = given_change(input)
        receipt = await context.mesh.product_service.update(
            command,
            expected=input.expected_version,
            intent=context.intent("updateDataProduct", input, input.idempotency_key),
        )
        return await payload(info, command.product, receipt)

    @mutation("Deletes a data product and its lineage. Its datasets stay, in its domain and in no product.")
    async def delete_data_product(
        self, info: Info, input: Annotated[DeleteDataProductInput, strawberry.argument(description="The product.")]
    ) -> DeletePayload:
        """DeleteProduct -> LineageRemoved for each edge, DataProductDeleted."""
        context = info.context
        product, receipt = await context.mesh.product_deletion.delete(
            input.name, input.reason, intent=context.intent("deleteDataProduct", input, input.idempotency_key)
        )
        return DeletePayload(deleted_id=strawberry.ID(product), events=await recorded(info, receipt))


async def payload(info: Info, product: Urn, receipt: Receipt) -> DataProductPayload:
    """The product as the command left it."""
    row = await info.context.mesh.products.known(product, position=receipt.position)
    return DataProductPayload(data_product=product_node(row, receipt.position), events=await recorded(info, receipt))


def given_columns(fields: list[FieldInput] | None, schema: JSON | None) -> tuple[Field, ...] | None:
    """The columns that a client gave in one of two ways, or None. Raises: BadUserInput."""
    if fields is not None and schema is not None:
        raise BadUserInput("fields and schema are given; give exactly one of them", field="fields")
    return None if fields is None and schema is None else check_fields(given_fields(fields, schema))


def given_change(input: UpdateDataProductInput) -> UpdateProduct:
    """What a client wants changed. Raises: BadUserInput."""
    tags, description = input.tags, input.description
    return UpdateProduct(
        product=product_named(input.name),
        owner=kept(input.owner, "owner"),
        description=None if description is None else description.value or "",
        fields=given_columns(kept(input.fields, "fields"), kept(input.schema, "schema")),
        tags=None if tags is None else tuple(tags.value or ()),
        version=kept(input.version, "version"),
        status=kept(input.status, "status"),
    )

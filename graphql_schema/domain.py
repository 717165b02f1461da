"""Domains in the graph."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from graphql_schema import dataset as datasets
from graphql_schema import event_log as events
from graphql_schema import product as products
from graphql_schema.change import kept
from graphql_schema.context import Info
from graphql_schema.guard import guarded, mutation
from graphql_schema.node import Node
from graphql_schema.paging import After, Connection, First, connection, request
from graphql_schema.payload import EVENTS, KEY, Events, MutationPayload, recorded
from graphql_schema.position import position_of
from server.adapters.store.commands import Receipt
from server.kernel.ids import Urn
from server.kernel.permission import Permission
from server.mesh.dataset.queries import OF_DOMAIN as DATASETS_OF_DOMAIN
from server.mesh.domain.queries import DOMAINS, DomainRow
from server.mesh.product.queries import OF_DOMAIN as PRODUCTS_OF_DOMAIN

if TYPE_CHECKING:
    from graphql_schema.dataset import Dataset
    from graphql_schema.event import Event
    from graphql_schema.product import DataProduct


@strawberry.type(description="A part of the mesh that somebody answers for: it offers data products.")
class Domain(Node):
    """A domain at a position."""

    position: strawberry.Private[int]
    revision: int = strawberry.field(description="The version of its stream: what `expectedVersion` takes.")
    name: str = strawberry.field(description="Its name.")
    description: str = strawberry.field(description="What it is about.")
    owner: str = strawberry.field(description="Who answers for it.")
    created_at: datetime = strawberry.field(description="When it was created.")
    updated_at: datetime = strawberry.field(description="When its owner or description changed last.")

    @strawberry.field(description="The data products that it offers, by name.")
    async def products(
        self, info: Info, first: First = 50, after: After = None
    ) -> Connection[Annotated["DataProduct", strawberry.lazy("graphql_schema.product")]]:
        """A page of products."""
        page = await info.context.children(PRODUCTS_OF_DOMAIN, request(first, after), self.position, self.id)
        return connection(page, lambda row: products.product_node(row, page.position))

    @strawberry.field(description="Its datasets, by name: those of its products and its own.")
    async def datasets(
        self, info: Info, first: First = 50, after: After = None
    ) -> Connection[Annotated["Dataset", strawberry.lazy("graphql_schema.dataset")]]:
        """A page of datasets."""
        page = await info.context.children(DATASETS_OF_DOMAIN, request(first, after), self.position, self.id)
        return connection(page, lambda row: datasets.dataset_node(row, page.position))

    @guarded(Permission.AUDIT, description="What happened to it, oldest first.")
    async def events(
        self, info: Info, first: First = 50, after: After = None
    ) -> Connection[Annotated["Event", strawberry.lazy("graphql_schema.event")]]:
        """A page of events up to the position."""
        return await events.events_of(info, self.id, self.position, first, after)


@strawberry.input(description="A domain to be created.")
class CreateDomainInput:
    """A domain to be created."""

    name: str = strawberry.field(description="1 to 128 letters, digits, '.', '_' or '-'; unique case aside.")
    owner: str = strawberry.field(description="Who answers for it, in 1 to 200 characters.")
    description: str | None = strawberry.field(
        default="", description="What it is about, in at most 10,000 characters."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="What changes in a domain: what is absent stays.")
class UpdateDomainInput:
    """What changes in a domain."""

    name: strawberry.ID = strawberry.field(description="The domain, by URN or name.")
    owner: strawberry.Maybe[str | None] = strawberry.field(description="Who answers for it; not null.")
    description: strawberry.Maybe[str | None] = strawberry.field(description="What it is about; null for nothing.")
    expected_version: int | None = strawberry.field(
        default=None, description="The `revision` that the change rests on; CONFLICT where it differs."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.type(description="A domain that was created or changed.")
class DomainPayload(MutationPayload):
    """A domain that was created or changed."""

    domain: Domain = strawberry.field(description="The domain as it now stands.")
    events: Events = strawberry.field(description=EVENTS)


@strawberry.type
class DomainReads:
    """Domains on the root and in a catalog."""

    @guarded(Permission.CATALOG, description="A domain by URN or name.")
    async def domain(
        self, info: Info, name: Annotated[strawberry.ID, strawberry.argument(description="URN or name.")]
    ) -> Domain | None:
        """The domain, or null."""
        position = await position_of(self, info)
        row = await info.context.mesh.domains.find(name, position)
        return None if row is None else domain_node(row, position)

    @guarded(Permission.CATALOG, description="Domains by name.")
    async def domains(self, info: Info, first: First = 50, after: After = None) -> Connection[Domain]:
        """A page of domains."""
        position = await position_of(self, info)
        page = await info.context.mesh.reader.page(DOMAINS, request(first, after), position)
        return connection(page, lambda row: domain_node(row, page.position))


@strawberry.type
class DomainMutation:
    """What may be done to domains."""

    @mutation("Creates a domain.")
    async def create_domain(
        self, info: Info, input: Annotated[CreateDomainInput, strawberry.argument(description="The domain.")]
    ) -> DomainPayload:
        """CreateDomain -> DomainCreated."""
        context = info.context
        domain, receipt = await context.mesh.domain_service.create(
            input.name,
            input.owner,
            input.description or "",
            intent=context.intent("createDomain", input, input.idempotency_key),
        )
        return await payload(info, domain, receipt)

    @mutation("Changes the owner or the description of a domain.")
    async def update_domain(
        self, info: Info, input: Annotated[UpdateDomainInput, strawberry.argument(description="What changes.")]
    ) -> DomainPayload:
        """UpdateDomain -> DomainUpdated."""
        context = info.context
        domain, receipt = await context.mesh.domain_service.update(
            input.name,
            kept(input.owner, "owner"),
            None if input.description is None else input.description.value or "",
            expected=input.expected_version,
            intent=context.intent("updateDomain", input, input.idempotency_key),
        )
        return await payload(info, domain, receipt)


async def payload(info: Info, domain: Urn, receipt: Receipt) -> DomainPayload:
    """The domain as the command left it."""
    row = await info.context.mesh.domains.known(domain, position=receipt.position)
    return DomainPayload(domain=domain_node(row, receipt.position), events=await recorded(info, receipt))


def domain_node(row: DomainRow, position: int) -> Domain:
    """A domain in the graph."""
    return Domain(
        id=strawberry.ID(row.id),
        position=position,
        revision=row.revision,
        name=row.name,
        description=row.description,
        owner=row.owner,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )

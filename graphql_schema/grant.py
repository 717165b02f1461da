"""Grants in the graph."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry.scalars import JSON

from graphql_schema import batch as batches
from graphql_schema.context import Info
from graphql_schema.guard import mutation
from graphql_schema.layer import DataFormat
from graphql_schema.node import Node
from graphql_schema.payload import EVENTS, KEY, Events, MutationPayload, recorded
from server.adapters.store.commands import Receipt
from server.kernel.address import Address
from server.kernel.ids import Urn
from server.mesh.batch.queries import GrantRow

if TYPE_CHECKING:
    from graphql_schema.batch import Batch


@strawberry.type(description="An address that lets its holder read or write one file for a while.")
class SignedUrl:
    """An address that lets its holder read or write one file for a while."""

    url: str = strawberry.field(description="The address. Who holds it may use it: keep it to yourself.")
    method: str = strawberry.field(description="GET or PUT.")
    headers: JSON = strawberry.field(description="Headers that the request must carry, by name.")
    expires_at: datetime = strawberry.field(description="When it stops working.")


@strawberry.type(description="A consumer's leave to read a published batch.")
class ConsumptionGrant(Node):
    """A grant at a position."""

    position: strawberry.Private[int]
    row: strawberry.Private[GrantRow]
    consumer: str = strawberry.field(description="Who may read.")
    purpose: str | None = strawberry.field(description="What for.")
    granted_by: str = strawberry.field(description="Who granted it.")
    granted_at: datetime = strawberry.field(description="When it was recorded.")
    expires_at: datetime = strawberry.field(description="When it ends by itself.")
    revoked_at: datetime | None = strawberry.field(description="When it was revoked; null where it was not.")

    @strawberry.field(description="The batch.")
    async def batch(self, info: Info) -> Annotated["Batch", strawberry.lazy("graphql_schema.batch")]:
        """Its batch."""
        return batches.batch_node(await info.context.load("batch", self.position, self.row.batch), self.position)

    @strawberry.field(
        description="Where the rows are, made anew at each read; null once the grant ended or the batch expired, and"
        " while the batch is quarantined."
    )
    async def url(self, info: Info) -> SignedUrl | None:
        """A short-lived address of the batch's published file as it stands now."""
        address = await info.context.address(self.id)
        return None if address is None else signed_url(address, info.context.base_url)


@strawberry.input(description="A grant to be given.")
class GrantConsumptionInput:
    """A grant to be given."""

    batch_id: strawberry.ID = strawberry.field(description="The batch, by URN or id.")
    consumer: str = strawberry.field(description="Who may read: a principal's name.")
    purpose: str | None = strawberry.field(default=None, description="What for.")
    format: DataFormat | None = strawberry.field(  # type: ignore[valid-type]
        default=DataFormat.PARQUET, description="How the rows are written."
    )
    expires_in_seconds: int | None = strawberry.field(default=3600, description="How long the grant lives.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A grant to be ended.")
class RevokeConsumptionInput:
    """A grant to be ended."""

    grant: strawberry.ID = strawberry.field(description="The grant, by URN or id.")
    reason: str | None = strawberry.field(default=None, description="Why.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.type(description="A grant that was given or ended.")
class GrantPayload(MutationPayload):
    """A grant that was given or ended."""

    grant: ConsumptionGrant = strawberry.field(description="The grant as it now stands.")
    events: Events = strawberry.field(description=EVENTS)


@strawberry.type
class GrantMutation:
    """Giving and ending grants."""

    @mutation("Lets a consumer read a published batch for a while.")
    async def grant_consumption(
        self, info: Info, input: Annotated[GrantConsumptionInput, strawberry.argument(description="The grant.")]
    ) -> GrantPayload:
        """GrantConsumption -> ConsumptionGranted."""
        context = info.context
        grant, receipt = await context.mesh.grants.grant(
            input.batch_id,
            consumer=input.consumer,
            purpose=input.purpose,
            format=input.format or DataFormat.PARQUET,
            expires_in_seconds=3600 if input.expires_in_seconds is None else input.expires_in_seconds,
            intent=context.intent("grantConsumption", input, input.idempotency_key),
        )
        return await payload(info, grant, receipt)

    @mutation("Ends a grant: its addresses stop working at once.")
    async def revoke_consumption(
        self, info: Info, input: Annotated[RevokeConsumptionInput, strawberry.argument(description="The grant.")]
    ) -> GrantPayload:
        """RevokeConsumption -> ConsumptionRevoked."""
        context = info.context
        grant, receipt = await context.mesh.grants.revoke(
            input.grant, input.reason, intent=context.intent("revokeConsumption", input, input.idempotency_key)
        )
        return await payload(info, grant, receipt)


async def payload(info: Info, grant: Urn, receipt: Receipt) -> GrantPayload:
    """The grant as the command left it."""
    row = await info.context.mesh.batches.known_grant(grant, position=receipt.position)
    return GrantPayload(grant=grant_node(row, receipt.position), events=await recorded(info, receipt))


def signed_url(address: Address, base_url: str) -> SignedUrl:
    """An address in the graph, absolute."""
    headers: JSON = JSON(dict(address.headers))
    return SignedUrl(url=base_url + address.path, method=address.method, headers=headers, expires_at=address.expires_at)


def grant_node(row: GrantRow, position: int) -> ConsumptionGrant:
    """A grant in the graph."""
    return ConsumptionGrant(
        id=strawberry.ID(row.id),
        position=position,
        row=row,
        consumer=row.consumer,
        purpose=row.purpose,
        granted_by=row.granted_by,
        granted_at=row.granted_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )

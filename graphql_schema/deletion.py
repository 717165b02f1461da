"""Erasure requests in the graph, and the receipt of those that are done."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from graphql_schema import lake as lakes
from graphql_schema.context import Info
from graphql_schema.enumeration import enumeration
from graphql_schema.erased_rows import ErasedRows, erased_rows
from graphql_schema.guard import guarded
from graphql_schema.node import Node
from graphql_schema.paging import After, Connection, First, connection, request
from graphql_schema.scalars import BigInt
from server.adapters.store.reader import NOW
from server.http.graphql.weight import price
from server.kernel.permission import Permission
from server.mesh.deletion.queries import DeletionRow, erased_of, of_lake
from server.mesh.lake import state

if TYPE_CHECKING:
    from graphql_schema.lake import DataLake

DeletionStatus = enumeration(
    state.DeletionStatus,
    name="DeletionStatus",
    description="How far an erasure request is.",
    PENDING="It is to be done before its deadline.",
    OVERDUE="Its deadline is over, and it is not done.",
    HELD="It rests: the rows must be kept for now.",
    REJECTED="Nothing will be erased.",
    COMPLETED="It is done.",
)


@strawberry.type(description="A subject's request that its rows in a lake be erased.")
class GdprDeletion(Node):
    """An erasure request at a position."""

    row: strawberry.Private[DeletionRow]
    position: strawberry.Private[int]
    reason: str = strawberry.field(description="Why it was asked for.")
    requested_by: str = strawberry.field(description="Who asked, or handles it.")
    requested_at: datetime = strawberry.field(description="When it was asked for, by the database's clock.")
    deadline: datetime = strawberry.field(description="30 days after the request.")
    status: DeletionStatus = strawberry.field(description="How far it is.")  # type: ignore[valid-type]
    completed_at: datetime | None = strawberry.field(description="When it was done; null before.")
    objects_deleted: BigInt | None = strawberry.field(description="Files that went with it; null before it is done.")
    unreached: list[str] = strawberry.field(description="What the erasure could not reach; empty before it is done.")

    @strawberry.field(description="The lake.")
    async def lake(self, info: Info) -> Annotated["DataLake", strawberry.lazy("graphql_schema.lake")]:
        """Its lake."""
        row = await info.context.load("lake", self.position, self.row.lake)
        return lakes.lake_node(row, self.position)

    @guarded(
        Permission.COMPLIANCE,
        description="Whose rows; null, at every position, once it is completed or rejected: the log keeps only a keyed"
        " digest of it.",
    )
    async def subject_id(self, info: Info) -> str | None:
        """The clear id while the request is open, whatever the position."""
        now: DeletionRow = await info.context.load("deletion", NOW, self.id)
        return await info.context.mesh.deletion_service.subject_of(now)

    @strawberry.field(
        description="What was erased, batch by batch and layer by layer; empty before it is done.", metadata=price(20)
    )
    def erased(self) -> list[ErasedRows]:
        """The rows that went."""
        return [erased_rows(one, self.position) for one in erased_of(self.row)]


@strawberry.type
class LakeDeletions(Node):
    """The erasure requests of a lake."""

    position: strawberry.Private[int]

    @guarded(Permission.COMPLIANCE, description="The erasure requests in it, oldest first.")
    async def deletions(
        self,
        info: Info,
        status: Annotated[
            DeletionStatus | None,  # type: ignore[valid-type]
            strawberry.argument(description="Only those that are as far as this."),
        ] = None,
        first: First = 50,
        after: After = None,
    ) -> Connection[GdprDeletion]:
        """A page of requests at the position."""
        page = await info.context.children(of_lake(status), request(first, after), self.position, self.id)
        return connection(page, lambda row: deletion_node(row, page.position))


@strawberry.type(
    description="What an erasure came to, signed: whoever has the public key can prove it without this server."
)
class ErasureReceipt:
    """A receipt."""

    deletion: GdprDeletion = strawberry.field(description="The request.")
    receipt: str = strawberry.field(
        description="Canonical JSON (RFC 8785) of the request, what was erased and what could not be reached, and the"
        " event that says so; the same text at every asking."
    )
    signature: str = strawberry.field(description="Ed25519 over the receipt in UTF-8, base64.")
    public_key: str = strawberry.field(description="The key of checkpoints: base64 of its 32 raw bytes.")


@strawberry.type
class DeletionReads:
    """Erasure requests on the root: they are about now."""

    @guarded(Permission.COMPLIANCE, description="The signed receipt of an erasure; null before it is completed.")
    async def erasure_receipt(
        self,
        info: Info,
        deletion: Annotated[strawberry.ID, strawberry.argument(description="The request, by URN or id.")],
    ) -> ErasureReceipt | None:
        """The receipt, or null."""
        found = await info.context.mesh.receipts.of(deletion)
        if found is None:
            return None
        return ErasureReceipt(
            deletion=deletion_node(found.deletion, await info.context.now()),
            receipt=found.receipt,
            signature=found.signature,
            public_key=found.public_key,
        )


def deletion_node(row: DeletionRow, position: int) -> GdprDeletion:
    """An erasure request in the graph."""
    return GdprDeletion(
        id=strawberry.ID(row.id),
        row=row,
        position=position,
        reason=row.reason,
        requested_by=row.requested_by,
        requested_at=row.requested_at,
        deadline=row.deadline,
        status=state.DeletionStatus(row.status or ""),
        completed_at=row.completed_at,
        objects_deleted=None if row.objects_deleted is None else BigInt(row.objects_deleted),
        unreached=list(row.unreached or ()),
    )

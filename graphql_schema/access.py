"""Who read what, and why: the access log of a lake."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from graphql_schema import dataset as datasets
from graphql_schema.context import Info
from graphql_schema.guard import guarded
from graphql_schema.node import Node
from graphql_schema.paging import After, Connection, First, connection, request
from graphql_schema.scalars import BigInt
from server.kernel.ids import Kind, reference
from server.kernel.permission import Permission
from server.mesh.audit.queries import AccessRecordRow, access_log
from server.mesh.audit.service import Action

if TYPE_CHECKING:
    from graphql_schema.dataset import Dataset


@strawberry.type(description="One read of a dataset's data.")
class AccessRecord:
    """One read of a dataset's data."""

    row: strawberry.Private[AccessRecordRow]
    read_at: strawberry.Private[int]
    accessor: str = strawberry.field(description="Who read: a principal's name, or what auditAccess said.")
    action: str = strawberry.field(description=f"What was done: {', '.join(Action)}, or what auditAccess said.")
    purpose: str = strawberry.field(description="What for; `unspecified` where nobody said and nobody had to.")
    at: datetime = strawberry.field(description="When it was recorded: before the data went out.")
    position: BigInt = strawberry.field(description="The position of its event in the log.")

    @strawberry.field(description="The dataset.")
    async def dataset(self, info: Info) -> Annotated["Dataset", strawberry.lazy("graphql_schema.dataset")]:
        """The dataset that was read."""
        row = await info.context.load("dataset", self.read_at, self.row.dataset)
        return datasets.dataset_node(row, self.read_at)


@strawberry.type
class LakeAccess(Node):
    """Who read the data of a lake."""

    position: strawberry.Private[int]

    @guarded(Permission.COMPLIANCE, description="Who read its data, oldest first.")
    async def access_log(
        self,
        info: Info,
        accessor: Annotated[str | None, strawberry.argument(description="Only reads by this principal.")] = None,
        dataset: Annotated[
            strawberry.ID | None, strawberry.argument(description="Only reads of this dataset, by URN or name.")
        ] = None,
        first: First = 50,
        after: After = None,
    ) -> Connection[AccessRecord]:
        """A page of records up to the position."""
        only = None if dataset is None else reference(Kind.DATASET, dataset, field="dataset")
        page = await info.context.children(access_log(accessor, only), request(first, after), self.position, self.id)
        return connection(page, lambda row: access_record(row, page.position))


def access_record(row: AccessRecordRow, position: int) -> AccessRecord:
    """A record in the graph, its dataset as it stood at `position`."""
    return AccessRecord(
        row=row,
        read_at=position,
        accessor=row.accessor,
        action=row.action,
        purpose=row.purpose,
        at=row.at,
        position=BigInt(row.position),
    )

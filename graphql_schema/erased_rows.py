"""Rows that an erasure took away, in the graph."""

from typing import TYPE_CHECKING, Annotated

import strawberry

from graphql_schema import batch as batches
from graphql_schema.context import Info
from graphql_schema.layer import Layer
from graphql_schema.scalars import BigInt
from server.mesh.lake import facts

if TYPE_CHECKING:
    from graphql_schema.batch import Batch


@strawberry.type(description="How many rows an erasure took from one layer of one batch.")
class ErasedRows:
    """How many rows an erasure took from one layer of one batch."""

    batch_id: strawberry.Private[str]
    position: strawberry.Private[int]
    layer: Layer = strawberry.field(description="The layer.")  # type: ignore[valid-type]
    rows: BigInt = strawberry.field(description="How many rows there were of the subject.")

    @strawberry.field(description="The batch.")
    async def batch(self, info: Info) -> Annotated["Batch", strawberry.lazy("graphql_schema.batch")]:
        """The batch at the position."""
        return batches.batch_node(await info.context.load("batch", self.position, self.batch_id), self.position)


def erased_rows(one: facts.ErasedRows, position: int) -> ErasedRows:
    """What one layer of one batch lost, its batch as it stood at a position."""
    return ErasedRows(batch_id=one.batch, position=position, layer=one.layer, rows=BigInt(one.rows))

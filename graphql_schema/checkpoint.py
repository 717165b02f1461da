"""Checkpoints in the graph: what auditors compare with their own copies."""

from datetime import datetime

import strawberry

from graphql_schema.context import Info
from graphql_schema.guard import guarded
from graphql_schema.paging import After, Connection, First, connection, request
from graphql_schema.scalars import BigInt
from server.kernel.permission import Permission
from server.mesh.events.checkpoints import SignedHead


@strawberry.type(
    description="A signed statement of the log's head: Ed25519 over the bytes"
    r" `lakemesh-checkpoint-1\n<position>\n<hash hex>\n<at>\n`, base64, with `at` exactly as it stands here."
)
class Checkpoint:
    """A signed statement of the log's head."""

    position: BigInt = strawberry.field(description="The last position that it covers.")
    hash: str = strawberry.field(description="The hash of the event there, hex.")
    at: datetime = strawberry.field(description="When it was signed, to the second.")
    signature: str = strawberry.field(description="The signature: base64 of 64 raw bytes.")
    public_key: str = strawberry.field(description="The key that signed: base64 of its 32 raw bytes.")


@strawberry.type
class CheckpointReads:
    """The checkpoints on the root."""

    @guarded(Permission.COMPLIANCE, description="The signed statements of the log's head, by position.")
    async def checkpoints(self, info: Info, first: First = 50, after: After = None) -> Connection[Checkpoint]:
        """A page of checkpoints."""
        return connection(await info.context.mesh.checkpoints.page(request(first, after)), checkpoint_node)


def checkpoint_node(row: SignedHead) -> Checkpoint:
    """A checkpoint in the graph."""
    return Checkpoint(
        position=BigInt(row.position),
        hash=row.hash,
        at=row.at,
        signature=row.signature,
        public_key=row.public_key,
    )

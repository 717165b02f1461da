"""What this server is."""

import strawberry

from graphql_schema.context import Info
from graphql_schema.guard import guarded
from graphql_schema.scalars import BigInt
from server.kernel.permission import Permission


@strawberry.type(description="What this server is and runs on.")
class ServerInfo:
    """What this server is and runs on."""

    version: str = strawberry.field(description="The version of Lakemesh.")
    position: BigInt = strawberry.field(description="The last position of the log.")
    database: str = strawberry.field(description="The database and its version.")
    storage: str = strawberry.field(description="What kind of store holds the files.")
    engine: str = strawberry.field(description="What works on the rows, and its version.")


@strawberry.type
class ServerQuery:
    """The server on the root."""

    @guarded(Permission.CATALOG, description="What this server is and runs on.")
    async def server_info(self, info: Info) -> ServerInfo:
        """Versions and the log's head."""
        about = info.context.mesh.about
        return ServerInfo(
            version=about.version,
            position=BigInt(await info.context.now()),
            database=about.database,
            storage=about.storage,
            engine=about.engine,
        )

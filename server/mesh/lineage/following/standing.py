"""Where the log stands, as far as lineage is concerned."""

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from server.kernel.record import record
from server.mesh.lineage.facts import STREAM

# The version of the stream of declared lineage, 0 before its first event.
VERSION_SQL = f"""
  coalesce((select version from events where lower(stream) = '{STREAM}' order by version desc limit 1), 0)
"""  # noqa: S608  # the name is ours

_STANDING_SQL = f"""
select position, hash, {VERSION_SQL} as version,
  $1::bigint = 0 or exists (select from events where position = $1 and hash = $2::bytea) as continues
from event_head
"""  # noqa: S608  # as above


@record
class Standing:
    """The last position with its hash, and the version of the stream of declared lineage."""

    position: int
    hash: bytes
    version: int


@record
class Ahead(Standing):
    """Where the log stands now, and whether what was read of it before is still a part of it."""

    continues: bool


NOWHERE = Standing(position=0, hash=b"", version=0)


async def standing(connection: asyncpg.Pool | PoolConnectionProxy, seen: Standing = NOWHERE) -> Ahead:
    """Where the log stands now. It does not continue `seen` where the database was put back to a backup."""
    row = await connection.fetchrow(_STANDING_SQL, seen.position, seen.hash)
    assert row is not None, "the head is one row"
    return Ahead(position=row["position"], hash=row["hash"], version=row["version"], continues=row["continues"])

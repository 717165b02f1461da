"""What a Postgres must be so that the event log can trust it."""

import logging

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from server.adapters.postgres.binaries import OLDEST_MAJOR
from server.adapters.postgres.errors import ClusterError

_log = logging.getLogger(__name__)

_DURABLE = {
    "fsync": "a crash of the machine can destroy the database",
    "full_page_writes": "a crash of the machine can leave torn pages",
    "synchronous_commit": "a crash can lose events that were acknowledged",
}


async def check_server(connection: asyncpg.Connection | PoolConnectionProxy) -> None:
    """Refuse a server that is too old, and warn of one that forgets.

    Raises: ClusterError below Postgres 15.
    """
    major = connection.get_server_version().major
    if major < OLDEST_MAJOR:
        raise ClusterError(
            f"the server of DATABASE_URL is Postgres {major}; {OLDEST_MAJOR} or newer is needed: upgrade it, "
            "or unset DATABASE_URL to use the embedded one"
        )
    off = "select name from pg_settings where name = any($1) and setting = 'off' order by name"
    for row in await connection.fetch(off, list(_DURABLE)):
        _log.warning("Postgres runs with %s off: %s; turn it on", row["name"], _DURABLE[row["name"]])

import logging

import asyncpg
import pytest
from asyncpg.types import ServerVersion

from server.adapters.postgres.cluster import ClusterError
from server.adapters.postgres.version import check_server


class Old:
    """A connection to a server that no test machine has."""

    def get_server_version(self) -> ServerVersion:
        return ServerVersion(major=14, minor=0, micro=20, releaselevel="final", serial=0)


async def test_refuses_a_server_before_15():
    with pytest.raises(ClusterError) as refused:
        await check_server(Old())
    assert str(refused.value) == (
        "the server of DATABASE_URL is Postgres 14; 15 or newer is needed: upgrade it, "
        "or unset DATABASE_URL to use the embedded one"
    )


async def test_accepts_the_embedded_server_without_a_word(database_url, caplog):
    connection = await asyncpg.connect(database_url)
    try:
        with caplog.at_level(logging.WARNING):
            await check_server(connection)
    finally:
        await connection.close()
    assert caplog.messages == []


async def test_warns_of_a_server_that_forgets(database_url, caplog):
    connection = await asyncpg.connect(database_url, server_settings={"synchronous_commit": "off"})
    try:
        with caplog.at_level(logging.WARNING):
            await check_server(connection)
    finally:
        await connection.close()
    assert caplog.messages == [
        "Postgres runs with synchronous_commit off: a crash can lose events that were acknowledged; turn it on"
    ]

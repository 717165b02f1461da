"""The database of the tests: one embedded server for the session, one empty database for each test."""

import asyncio
import itertools
import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

import asyncpg
import pytest

from server.adapters.postgres.cluster import EmbeddedPostgres

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A running embedded server in a folder of its own."""
    data_dir = tmp_path_factory.mktemp("postgres") / "data"
    with EmbeddedPostgres.start(data_dir) as server:
        yield server
    shutil.rmtree(data_dir)


@pytest.fixture
def database_url(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    """The address of a fresh, empty database, as asyncpg takes it."""
    name = f"test_{next(_numbers)}"
    _execute(postgres_server.dsn, f"create database {name}")
    yield urlsplit(postgres_server.dsn)._replace(path=f"/{name}").geturl()
    _execute(postgres_server.dsn, f"drop database {name} with (force)")


def _execute(dsn: str, statement: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(run())

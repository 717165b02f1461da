"""A database with the server's tables and the read table of shelves, copied for each test."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from server.adapters.postgres.cluster import EmbeddedPostgres
from server.adapters.postgres.connections import open_engine
from server.adapters.postgres.migrate import migrate
from tests.adapters.store.opened import Store, opened
from tests.adapters.store.shelf import ShelfRow

TEMPLATE = "store_template"
_numbers = itertools.count(1)


def run(dsn: str, statement: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(execute())


@pytest.fixture(scope="session")
def template(postgres_server: EmbeddedPostgres) -> str:
    """The name of a migrated database that nobody is connected to."""

    async def make() -> None:
        engine = open_engine(urlsplit(postgres_server.dsn)._replace(path=f"/{TEMPLATE}").geturl())
        await migrate(engine)
        async with engine.begin() as connection:
            await connection.run_sync(ShelfRow.metadata.create_all)
        await engine.dispose()

    run(postgres_server.dsn, f"create database {TEMPLATE}")
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(make())
    return TEMPLATE


@pytest.fixture
def store_url(postgres_server: EmbeddedPostgres, template: str) -> Iterator[str]:
    """The address of a database with every table, empty."""
    name = f"store_{next(_numbers)}"
    run(postgres_server.dsn, f"create database {name} template {template}")
    yield urlsplit(postgres_server.dsn)._replace(path=f"/{name}").geturl()
    run(postgres_server.dsn, f"drop database {name} with (force)")


@pytest.fixture
async def connection(store_url: str) -> AsyncIterator[asyncpg.Connection]:
    """One connection to it."""
    connection = await asyncpg.connect(store_url)
    yield connection
    await connection.close()


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    """A running store on it."""
    async with opened(store_url) as store:
        yield store


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on an empty database."""
    engine = open_engine(database_url)
    yield engine
    await engine.dispose()

"""Empty databases and meshes on them, as many as a test asks for."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

import asyncpg
import pytest

from graphql_schema.schema import build_schema
from server.adapters.postgres.cluster import EmbeddedPostgres
from server.assembly.assembled import assemble
from server.database import open_database
from server.http.graphql.limits import Limits
from server.settings import Settings
from tests.graph.conftest import Graph, graph

__all__ = ["graph"]  # the fixture of the graph's own tests

_numbers = itertools.count(1)


class Mesh(Graph):
    """The schema on a mesh of its own, with its database."""

    pool: asyncpg.Pool
    url: str

    def __post_init__(self) -> None:
        super().__post_init__()
        self.schema = build_schema(Limits(cost=10**12, tokens=100_000))


OpenedMesh: TypeAlias = Callable[[], Awaitable[Mesh]]


@pytest.fixture
async def meshes(postgres_server: EmbeddedPostgres, tmp_path: Path) -> AsyncIterator[OpenedMesh]:
    """Opens meshes, each on a fresh database."""
    async with AsyncExitStack() as stack:

        async def one_more() -> Mesh:
            number = next(_numbers)
            name = f"history_{number}"
            admin = await asyncpg.connect(postgres_server.dsn)
            stack.push_async_callback(admin.close)
            await admin.execute(f"create database {name}")
            stack.push_async_callback(admin.execute, f"drop database {name} with (force)")
            url = urlsplit(postgres_server.dsn)._replace(path=f"/{name}").geturl()
            settings = Settings(data_dir=tmp_path / name, database_url=url)
            database = await stack.enter_async_context(open_database(settings))
            parts = await stack.enter_async_context(assemble(settings, database))
            await parts.follower.start()
            mesh = Mesh(parts)
            mesh.pool, mesh.url = database.pool, url
            return mesh

        yield one_more

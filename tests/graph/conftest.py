"""A mesh on a real database, asked in this process, every SQL statement counted."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import pytest
from sqlalchemy import event

from graphql_schema.context import Context
from graphql_schema.schema import build_schema
from server.adapters.postgres.connections import open_engine
from server.adapters.postgres.migrate import migrate
from server.assembly.assembled import Assembly, assemble
from server.database import Database, open_database
from server.http.graphql.deadline import Deadline
from server.http.graphql.limits import Limits
from server.kernel.caller import ANONYMOUS, Caller, Role
from server.settings import Settings

ADMIN = Caller(name="admin", roles=frozenset({Role.ADMIN}))


@dataclass
class Graph:
    """The schema on an assembled mesh. `statements`: the SQL sent since it was cleared; `purpose`: of its reads."""

    parts: Assembly
    statements: list[str] = field(default_factory=list)
    purpose: str | None = None

    def __post_init__(self) -> None:
        self.schema = build_schema(Limits(cost=1_000_000))
        self._numbers = itertools.count(1)
        self.admin = ADMIN

    async def ask(self, query: str, caller: Caller = ADMIN, **variables: Any) -> dict[str, Any]:
        """The data of an operation; an error fails the test."""
        result = await self.schema.execute(query, variable_values=variables, context_value=self.context(caller))
        assert result.errors is None, result.errors
        assert result.data is not None
        return result.data

    async def refused(self, query: str, caller: Caller = ADMIN, **variables: Any) -> tuple[str, str]:
        """The code and the message of the one error that an operation answers."""
        result = await self.schema.execute(query, variable_values=variables, context_value=self.context(caller))
        assert result.errors is not None
        assert len(result.errors) == 1
        return (result.errors[0].extensions or {})["code"], result.errors[0].message

    def context(self, caller: Caller) -> Context:
        return Context(
            mesh=self.parts.mesh,
            caller=caller,
            correlation_id=f"test-{next(self._numbers)}",
            deadline=Deadline(60),
            base_url="http://lakemesh.test",
            purpose=lambda: self.purpose,
        )


# A mesh with these settings on the test's database.
Opened: TypeAlias = Callable[..., Awaitable[Graph]]


@pytest.fixture
async def graph(database_url: str, tmp_path: Path) -> AsyncIterator[Graph]:
    """A migrated database and the mesh on it, without a worker."""
    statements: list[str] = []

    async def listen(connection: asyncpg.Connection) -> None:
        connection.add_query_logger(lambda record: statements.append(record.query))

    engine = open_engine(database_url)
    await migrate(engine)
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    async with asyncpg.create_pool(database_url, min_size=1, max_size=4, init=listen) as pool:
        database = Database(dsn=database_url, listen_dsn=database_url, pool=pool, engine=engine, label="Postgres")
        async with assemble(Settings(data_dir=tmp_path), database) as parts:
            await parts.follower.start()
            graph = Graph(parts)
            graph.statements = statements
            yield graph
    await engine.dispose()


@pytest.fixture
async def opened(database_url: str, tmp_path: Path) -> AsyncIterator[Opened]:
    """Opens meshes on one database, each as a server of its own has it."""
    async with AsyncExitStack() as stack:

        async def one_more(**settings: Any) -> Graph:
            own = Settings(data_dir=tmp_path, database_url=database_url, **settings)
            database = await stack.enter_async_context(open_database(own))
            parts = await stack.enter_async_context(assemble(own, database))
            await parts.follower.start()
            return Graph(parts)

        yield one_more


@pytest.fixture
def anonymous() -> Caller:
    """Nobody in particular."""
    return ANONYMOUS

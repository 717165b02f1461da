"""Which errors mean that Postgres is away for a moment, and which are faults."""

from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from server.adapters.postgres.away import unavailable
from server.adapters.postgres.connections import connect, open_engine

AWAY = [
    ConnectionRefusedError(),
    asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
    asyncpg.CannotConnectNowError("the database system is starting up"),
    asyncpg.AdminShutdownError("terminating connection"),
    asyncpg.QueryCanceledError("statement timeout"),
    asyncpg.TooManyConnectionsError("too many clients"),
    asyncpg.DiskFullError("no space left"),
    asyncpg.DeadlockDetectedError("deadlock"),
    asyncpg.LockNotAvailableError("lock timeout"),
    asyncpg.InterfaceError("connection is closed"),
    asyncpg.InternalClientError("another operation is in progress"),
]
FAULTS = [
    asyncpg.UniqueViolationError("duplicate key"),
    asyncpg.UndefinedTableError("no such table"),
    asyncpg.InterfaceError("the server expects 1 argument for this query, 2 were passed"),
    FileNotFoundError("a file of the lake"),
    ValueError("closed"),
]


@pytest.mark.parametrize("error", AWAY, ids=lambda error: type(error).__name__)
def test_what_passes_is_answered_as_unavailable_without_its_own_words(error: Exception) -> None:
    refused = unavailable(error)
    assert refused is not None
    assert (refused.code, refused.message) == (
        "UNAVAILABLE",
        "Postgres is away or overloaded; try again in a moment",
    )


@pytest.mark.parametrize("error", FAULTS, ids=lambda error: type(error).__name__)
def test_a_fault_stays_a_fault(error: Exception) -> None:
    assert unavailable(error) is None


async def test_nobody_at_the_address_is_away(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError) as refused:
        await connect(f"postgresql://lakemesh@/lakemesh?host={tmp_path}")
    assert unavailable(refused.value) is not None
    assert str(tmp_path) not in str(refused.value)


async def test_an_engine_without_a_server_is_away(tmp_path: Path) -> None:
    engine = open_engine(f"postgresql://lakemesh@/lakemesh?host={tmp_path}")
    with pytest.raises((SQLAlchemyError, OSError)) as refused:
        async with engine.connect() as connection:
            await connection.execute(text("select 1"))
    await engine.dispose()
    assert unavailable(refused.value) is not None


async def test_a_connection_that_is_cut_is_away(database_url: str) -> None:
    engine = open_engine(database_url)
    with pytest.raises(SQLAlchemyError) as refused:
        async with engine.connect() as connection:
            await connection.execute(text("select pg_terminate_backend(pg_backend_pid())"))
    await engine.dispose()
    assert unavailable(refused.value) is not None

"""Connections to Postgres: a pool for the store, an engine for SQLModel, single ones for listening."""

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import asyncpg
import orjson
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from server.adapters.postgres.version import check_server

_LIBPQ_ONLY = {"sslmode", "target_session_attrs", "application_name", "connect_timeout"}
_WRITER_SETTINGS = {
    "lock_timeout": "2000",
    "statement_timeout": "5000",
    "idle_in_transaction_session_timeout": "5000",
}


async def open_pool(dsn: str, *, size: int = 10) -> asyncpg.Pool:
    """A pool of up to `size` connections. Raises: what `check_server` refuses.

    A connection goes back as it is, an open transaction rolled back: nobody may leave settings, session locks or
    LISTEN on it. Cleaning it each time would cost as much as most queries.
    """
    pool = await asyncpg.create_pool(dsn, min_size=1, max_size=size, connect=_dial, reset=_as_it_is)
    async with pool.acquire() as connection:
        await check_server(connection)
    return pool


async def _as_it_is(connection: asyncpg.Connection) -> None:
    """Nothing to clean."""


async def connect(dsn: str) -> asyncpg.Connection:
    """One connection outside any pool."""
    return await _dial(dsn)


async def connect_writer(dsn: str) -> asyncpg.Connection:
    """The writer's connection: nothing on it may wait long, for it holds the head of the log."""
    return await _dial(dsn, server_settings=_WRITER_SETTINGS)


def open_engine(dsn: str, *, size: int = 10) -> AsyncEngine:
    """SQLAlchemy's engine on asyncpg, with JSON by orjson."""
    return create_async_engine(
        sqlalchemy_url(dsn),
        pool_size=size,
        max_overflow=0,
        connect_args={"async_creator_fn": _dial},
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
    )


async def _dial(*address: Any, **options: Any) -> asyncpg.Connection:
    """A connection by the driver's own arguments. Raises: ConnectionError where nobody answers there."""
    try:
        return await asyncpg.connect(*address, **options)
    except OSError as error:  # a missing socket is a FileNotFoundError, which could be about any file
        raise ConnectionError(f"Postgres does not answer ({error.strerror or type(error).__name__})") from error


def sqlalchemy_url(dsn: str) -> str:
    """The address as SQLAlchemy takes it: driver named, parameters that only libpq knows dropped."""
    parts = urlsplit(dsn)
    query = urlencode([pair for pair in parse_qsl(parts.query) if pair[0] not in _LIBPQ_ONLY])
    return parts._replace(scheme="postgresql+asyncpg", query=query).geturl()

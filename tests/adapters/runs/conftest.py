"""A database with the tables of runs, and the board on it."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from server.adapters.runs import RunBoard, RunSignals
from tests.adapters.runs.arrange import make_tables


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """Connections to a database that has the tables."""
    async with asyncpg.create_pool(database_url, min_size=1, max_size=8) as pool:
        await make_tables(pool)
        yield pool


@pytest.fixture
def migrated_url(database_url: str) -> str:
    """The address of a database that has the tables, for who opens its own connections."""

    async def migrate() -> None:
        async with asyncpg.create_pool(database_url, min_size=1, max_size=1) as pool:
            await make_tables(pool)

    asyncio.run(migrate())
    return database_url


@pytest.fixture
async def signals(database_url: str) -> AsyncIterator[RunSignals]:
    """The process's listening connection."""
    async with RunSignals(database_url) as signals:
        yield signals


@pytest.fixture
async def board(pool: asyncpg.Pool, signals: RunSignals) -> RunBoard:
    """The board that mutations use."""
    return RunBoard(pool, signals)

"""The database of these settings: embedded or named by DATABASE_URL, migrated, with its connections."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from server.adapters.postgres.cluster import EmbeddedPostgres
from server.adapters.postgres.connections import open_engine, open_pool
from server.adapters.postgres.migrate import migrate
from server.kernel.record import record
from server.settings import Settings


@record
class Database:
    """An open database. `listen_dsn` leads to Postgres itself, never to a pooler."""

    dsn: str
    listen_dsn: str
    pool: asyncpg.Pool
    engine: AsyncEngine
    label: str


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncGenerator[Database]:
    """Start or reach Postgres, bring it to today's shape, close everything at the end."""
    async with AsyncExitStack() as stack:
        dsn = settings.database_url or await _embedded(settings, stack)
        pool = await open_pool(dsn)
        stack.push_async_callback(pool.close)
        engine = open_engine(dsn)
        stack.push_async_callback(engine.dispose)
        await migrate(engine)
        version = await pool.fetchval("show server_version")
        kind = "external" if settings.database_url else "embedded"
        yield Database(
            dsn=dsn,
            listen_dsn=settings.listen_url or dsn,
            pool=pool,
            engine=engine,
            label=f"Postgres {str(version).split()[0]} ({kind})",
        )


async def _embedded(settings: Settings, stack: AsyncExitStack) -> str:
    cluster = await asyncio.to_thread(EmbeddedPostgres.start, settings.data_dir)
    stack.push_async_callback(asyncio.to_thread, cluster.stop)
    return cluster.dsn

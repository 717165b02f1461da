"""The database of these settings: embedded or named by DATABASE_URL, migrated, its connections, the log in it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from server.adapters.postgres.cluster import EmbeddedPostgres
from server.adapters.postgres.connections import connect, connect_writer, open_engine, open_pool
from server.adapters.postgres.migrate import migrate
from server.adapters.store.commands import Commands
from server.adapters.store.feed import Feed
from server.adapters.store.intervals import IntervalWriter
from server.adapters.store.log import Log
from server.adapters.store.reader import Reader
from server.adapters.store.snapshots import Snapshots
from server.adapters.store.writer import Writer
from server.kernel.record import record
from server.mesh.dataset.belonging import Belonging
from server.mesh.slices import CODEC, PROJECTIONS, TABLES
from server.settings import Settings


@record
class Database:
    """An open database. `listen_dsn` leads to Postgres itself, never to a pooler."""

    dsn: str
    listen_dsn: str
    pool: asyncpg.Pool
    engine: AsyncEngine
    label: str


@record
class Store:
    """The log in a database: what writes it and what reads it."""

    commands: Commands
    feed: Feed
    log: Log
    reader: Reader
    belonging: Belonging


@asynccontextmanager
async def open_address(settings: Settings) -> AsyncGenerator[str]:
    """The address of the database as it is; the embedded Postgres runs meanwhile, where it is that one."""
    async with AsyncExitStack() as stack:
        yield settings.database_url or await _embedded(settings, stack)


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


async def open_store(database: Database, stack: AsyncExitStack) -> Store:
    """The log, its writer and its feed; they stop with the stack."""
    log = Log(database.pool)
    feed = Feed(log, partial(connect, database.listen_dsn))
    writer = Writer(partial(connect_writer, database.dsn), CODEC, PROJECTIONS, IntervalWriter(TABLES), feed.wake)
    snapshots = Snapshots(database.pool)
    stack.push_async_callback(snapshots.drain)
    await writer.start()
    stack.push_async_callback(writer.stop)
    await feed.start()
    stack.push_async_callback(feed.stop)
    belonging = Belonging(database.pool)
    commands = Commands(database.pool, writer, CODEC, snapshots, belonging.owners)
    # each read is one statement: a transaction around it would cost two more ways to Postgres
    reader = Reader(database.engine.execution_options(isolation_level="AUTOCOMMIT"))
    return Store(commands=commands, feed=feed, log=log, reader=reader, belonging=belonging)


async def _embedded(settings: Settings, stack: AsyncExitStack) -> str:
    cluster = await asyncio.to_thread(EmbeddedPostgres.start, settings.data_dir)
    stack.push_async_callback(asyncio.to_thread, cluster.stop)
    return cluster.dsn

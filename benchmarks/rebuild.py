"""How fast the read tables are made again from a long log, and how long the server takes to start on it.

    python benchmarks/rebuild.py [--events 1000000] [--products 10000]

One embedded Postgres in a temporary folder. The log is copied in, for recording it would take longer than everything
else; then `lakemesh rebuild` reads it, and the mesh is opened on it as the server does.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import psutil
from mutation import processor_seconds
from time_travel import history

from server.adapters.postgres.connections import connect
from server.adapters.store.rebuild import rebuild
from server.assembly.assembled import assemble
from server.database import Database, open_database
from server.mesh.slices import CODEC, PROJECTIONS, TABLES
from server.settings import Settings

COLUMNS = ("position", "stream", "version", "type", "data", "meta", "recorded_at", "hash")
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


def stored(events: int, products: int) -> Iterator[tuple[Any, ...]]:
    """Rows of the log."""
    versions: dict[str, int] = {}
    for position, told in enumerate(history(events, products), 1):
        versions[told.stream] = versions.get(told.stream, 0) + 1
        event = CODEC.encode(told.event)
        meta = {"actor": "ann", "about": told.about, "shape": event.shape, "key": str(position), "correlation_id": "b"}
        yield (
            position,
            told.stream,
            versions[told.stream],
            event.type,
            event.data.decode(),
            orjson.dumps(meta).decode(),
            BEGUN + timedelta(milliseconds=position),
            b"\0" * 32,
        )


async def fill(database: Database, events: int, products: int) -> None:
    """Copy the log in."""
    async with database.pool.acquire() as connection:
        await connection.copy_records_to_table("events", records=stored(events, products), columns=COLUMNS)
        await connection.execute("update event_head set position = $1, recorded_at = $2", events, BEGUN)
        await connection.execute("analyze events")


async def run(events: int, products: int) -> None:
    """Fill, rebuild, start."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder))
        async with open_database(settings) as database:
            await fill(database, events, products)
            postgres = await _postgres(database.pool)
            begun, own, theirs = time.perf_counter(), time.process_time(), processor_seconds(postgres)
            connection = await connect(database.dsn)
            done = await rebuild(connection, CODEC, PROJECTIONS, TABLES)
            wall = time.perf_counter() - begun
            python, sql = time.process_time() - own, processor_seconds(postgres) - theirs
            await connection.close()
            print(f"{done.events} events in {wall:.1f} s: {done.events / wall:.0f} a second;", end=" ")
            print(f"µs each: Python {python / events * 1e6:.0f}, Postgres {sql / events * 1e6:.0f}")
        begun = time.perf_counter()
        async with open_database(settings) as database, assemble(settings, database) as parts:
            await parts.follower.start()
            assert await parts.mesh.events.head() == events
            print(f"opened on it in {time.perf_counter() - begun:.2f} s, Postgres included, imports not")


async def _postgres(pool: asyncpg.Pool) -> psutil.Process:
    """The server's first process."""
    return psutil.Process(psutil.Process(int(await pool.fetchval("select pg_backend_pid()"))).ppid())


def main() -> int:
    """Read the arguments and run."""
    asked = argparse.ArgumentParser(description="Read tables made again.")
    asked.add_argument("--events", type=int, default=1_000_000)
    asked.add_argument("--products", type=int, default=10_000)
    given = asked.parse_args()
    asyncio.run(run(given.events, given.products))
    return 0


if __name__ == "__main__":
    sys.exit(main())

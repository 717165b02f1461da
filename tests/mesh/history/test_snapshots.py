"""Aggregates from a snapshot and the events after it equal those from events alone, at every version."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import asyncpg
import pytest

from server.adapters.postgres.connections import connect_writer, open_engine, open_pool
from server.adapters.postgres.migrate import migrate
from server.adapters.store.aggregate import Aggregate, Loaded
from server.adapters.store.commands import Commands
from server.adapters.store.intervals import IntervalWriter
from server.adapters.store.snapshots import EVERY, Snapshots
from server.adapters.store.streams import Streams
from server.adapters.store.writer import Writer
from server.kernel.ids import Kind, Urn
from server.mesh.slices import CODEC, PROJECTIONS, TABLES
from tests.mesh.history.twins import tell
from tests.mesh.history.whole import whole

LOOKED_AT = 8  # versions of a stream at which it is cut


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    engine = open_engine(database_url)
    await migrate(engine)
    await engine.dispose()
    pool = await open_pool(database_url, size=3)
    yield pool
    await pool.close()


async def test_every_aggregate_is_the_same_with_a_snapshot_of_any_version(
    pool: asyncpg.Pool, database_url: str
) -> None:
    tale = whole(5, 1_200, datasets=4, batches=6)
    await tell(database_url, tale.appends)
    snapshots = Snapshots(pool)
    loading = commands(pool, database_url, snapshots)
    looked_at = dict.fromkeys(Kind, 0)
    for stream, aggregate in tale.tale.aggregates.items():
        events = await alone(pool, aggregate, stream)
        assert events[-1] == Loaded(stream, tale.tale.versions[stream], tale.tale.streams[stream])
        for loaded in tale.tale.source.sample(events, min(LOOKED_AT, len(events))):
            await pool.execute("delete from snapshots")
            await snapshots.save(aggregate, loaded)
            assert await pool.fetchval("select version from snapshots") == loaded.version
            rows = await Streams(pool).rows(stream, aggregate.shape)
            assert [row["version"] for row in rows] == list(range(loaded.version, len(events) + 1))
            assert await loading.load(aggregate, stream) == events[-1]
            await snapshots.drain()
        looked_at[aggregate.kind] += len(events)
    assert all(looked_at[k] for k in (Kind.DOMAIN, Kind.PRODUCT, Kind.DATASET, Kind.CONTRACT, Kind.BATCH, Kind.LAKE))


async def test_a_snapshot_stands_after_100_events_however_the_stream_grew(
    pool: asyncpg.Pool, database_url: str
) -> None:
    tale = whole(6, 2_000, datasets=3, batches=4)
    await tell(database_url, tale.appends)
    snapshots = Snapshots(pool)
    long = [stream for stream in tale.tale.aggregates if tale.tale.versions[stream] >= EVERY]
    loading = commands(pool, database_url, snapshots)
    for stream, aggregate in tale.tale.aggregates.items():
        assert (await loading.load(aggregate, stream)).version == tale.tale.versions[stream]
    await snapshots.drain()
    kept = {row["stream"]: row["version"] for row in await pool.fetch("select stream, version from snapshots")}
    assert kept == {stream: tale.tale.versions[stream] for stream in long}
    assert {stream.partition(":")[0] for stream in long} >= {"product", "lake"}


async def alone(pool: asyncpg.Pool, aggregate: Aggregate[Any, Any, Any], stream: Urn) -> list[Loaded[Any]]:
    """The aggregate after each of its events, from events alone."""
    rows = await pool.fetch(
        "select type, meta ->> 'shape' as shape, data::text from events where stream = $1 order by version", stream
    )
    state, found = aggregate.decider.initial, []
    for version, row in enumerate(rows, 1):
        event = CODEC.decode(row["type"], int(row["shape"]), row["data"].encode())
        state = aggregate.decider.evolve(state, event)
        found.append(Loaded(stream, version, state))
    return found


def commands(pool: asyncpg.Pool, url: str, snapshots: Snapshots) -> Commands:
    """What loads streams; nothing is appended."""
    writer = Writer(partial(connect_writer, url), CODEC, PROJECTIONS, IntervalWriter(TABLES), lambda: None)
    return Commands(pool, writer, CODEC, snapshots)

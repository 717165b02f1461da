"""How long a lake's report takes on a long access log, and how fast its audit trail leaves.

    python benchmarks/reports.py [--accesses 1000000] [--events 200000]

One embedded Postgres in a temporary folder; a lake of 200 datasets, read by 2,000 accessors (some far more often) over
a year. The report is timed for the year and for a month, its two lists apart; the export in each format beside a bare
COPY of the same columns out of Postgres, which neither selects nor digests. Targets: each part of a report of a million
accesses within 1 s; each export at 20,000 events a second or more.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg

from server.adapters.checkpoints.signing import CheckpointKey
from server.adapters.postgres.cluster import EmbeddedPostgres
from server.adapters.postgres.connections import open_engine, open_pool
from server.adapters.postgres.migrate import migrate
from server.adapters.sealing import Sealer
from server.adapters.store.listing import At
from server.adapters.store.reader import Reader
from server.kernel.data_format import DataFormat
from server.kernel.recorded import FOREVER
from server.mesh.compliance.export import AuditExports
from server.mesh.compliance.period import Period
from server.mesh.compliance.report import AccessBy, Reports
from server.mesh.lake.queries import LakeQueries

YEAR = datetime(2025, 1, 1, tzinfo=UTC)
MONTH = Period(since=YEAR + timedelta(days=151), to=YEAR + timedelta(days=181))
ROUNDS = 5
EVENTS_SQL = """
insert into events
select n, 'lake:eu', n, 'AccessAudited',
       jsonb_build_object('lake', 'lake:eu', 'dataset', 'dataset:d' || n % 200, 'action', 'records', 'purpose',
                          'billing', 'accessor', 'reader-' || (2000 * power(random(), 3))::int),
       jsonb_build_object('about', jsonb_build_array('lake:eu', 'dataset:d' || n % 200), 'actor', 'reader',
                          'correlation_id', gen_random_uuid(), 'shape', 1, 'key', gen_random_uuid()),
       $1::timestamptz + n * interval '1 year' / $2::float8, sha256(n::text::bytea)
  from generate_series(1, $2::int) n
"""
ACCESSES_SQL = f"""
insert into access_record (id, valid_from, valid_to, position, lake, accessor, dataset, action, purpose, at)
select 'event:' || position, position, {FOREVER}, position, data ->> 'lake', data ->> 'accessor', data ->> 'dataset',
       data ->> 'action', data ->> 'purpose', recorded_at
  from events
"""  # a number of ours


async def fill(pool: asyncpg.Pool, accesses: int) -> None:
    """A log of accesses, and what is read of it."""
    await pool.execute(EVENTS_SQL, YEAR, accesses)
    await pool.execute(ACCESSES_SQL)
    await pool.execute(
        "insert into lake (id, valid_from, valid_to, lake_id, name, listed, owner, region, compliance_level, revision,"
        f" position, created_at) values ('lake:eu', 1, {FOREVER}, 'eu', 'eu', 'eu', 'ann', 'eu', 'GDPR', 1, 1, now())"
    )
    for table in ("events", "access_record"):
        await pool.execute(f"vacuum analyze {table}")


async def median(work: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds."""
    taken: list[float] = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await work()
        taken.append(1000 * (time.perf_counter() - began))
    return statistics.median(taken)


async def report(pool: asyncpg.Pool, accesses: int) -> None:
    """Time the parts of a report."""
    reports, at = Reports(pool), [At("lake:eu", accesses)]
    for name, period in (("the year", Period()), ("a month", MONTH)):
        figures = await median(lambda period=period: reports.figures(period, at))  # type: ignore[misc]
        lists = [await median(lambda by=by, period=period: reports.most(by, 100, period, at)) for by in AccessBy]  # type: ignore[misc]
        parts = ", ".join(f"{by.value}s {took:.0f} ms" for by, took in zip(AccessBy, lists, strict=True))
        print(f"report of {name}: figures {figures:.0f} ms, {parts}")


async def export(pool: asyncpg.Pool, exports: AuditExports, events: int) -> None:
    """Time exports of the first so many events."""

    async def bare() -> None:
        columns = "position, type, stream, version, meta, recorded_at, data, hash"
        async with pool.acquire() as connection:

            async def drop(_: bytes) -> None:
                return None

            await connection.copy_from_query(
                f"select {columns} from events where position <= {events} order by position",
                output=drop,
            )

    copied = await median(bare)
    print(f"{events:,} events, bare COPY: {1000 * events / copied:,.0f} a second")
    for format in DataFormat:

        async def leave(format: DataFormat = format) -> int:
            address = await exports.address("eu", Period(), format, position=events)
            opened = await exports.open(address.path.rpartition("/")[2])
            return sum([len(piece) async for piece in opened.pieces()])

        took, size = await median(leave), await leave()
        print(
            f"export {format}: {1000 * events / took:,.0f} a second, {size >> 20} MiB, {copied / took:.2f} x bare COPY"
        )


async def run(dsn: str, folder: Path, accesses: int, events: int) -> None:
    """Fill, then measure."""
    engine = open_engine(dsn)
    await migrate(engine)
    async with await open_pool(dsn) as pool:
        await fill(pool, accesses)
        await report(pool, accesses)
        key, lakes = CheckpointKey(folder / "checkpoint.key"), LakeQueries(Reader(engine))
        await export(pool, AuditExports(pool, lakes, Sealer(bytes(32)), key, lambda: datetime.now(UTC)), events)
    await engine.dispose()


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accesses", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=200_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres.start(Path(folder) / "data") as server:
        asyncio.run(run(server.dsn, Path(folder), given.accesses, given.events))


if __name__ == "__main__":
    main()

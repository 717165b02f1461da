"""How fast the log is verified: by the verifier alone, by SQL in the database, and the digests by themselves.

    python benchmarks/verification.py [--events 200000] [--rounds 3]

The events have the size of DataAppended. All three look at the same bytes; the last one has them in memory already.
Target: the verifier above 58,000 events a second.
"""

import argparse
import asyncio
import hashlib
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg

from server.adapters.postgres.cluster import EmbeddedPostgres
from server.adapters.postgres.connections import open_engine, open_pool
from server.adapters.postgres.migrate import migrate
from server.adapters.store.verify import verify as verify_in_sql
from server.verification.verify import Question, verify

TARGET = 58_000
FILL = """
do $$
declare
  h event_head; d jsonb; m jsonb; at timestamptz;
begin
  select * into h from event_head;
  for i in 1 .. {events} loop
    d := jsonb_build_object('batch', 'batch:payments-' || i, 'dataset', 'dataset:payments', 'row_count', 100000,
      'contract', 'contract:payments', 'contract_version', 1, 'schema_version', 1, 'size_bytes', 12345678,
      'file_url', 'landing/0f8fad5b-d9cb-469f-a165-70867728950e/payments.csv', 'attempt', i,
      'checksum', encode(sha256(i::text::bytea), 'hex'), 'rejected_row_count', 0);
    m := jsonb_build_object('key', '~' || i, 'about', jsonb_build_array('dataset:payments'), 'actor', 'admin',
      'shape', 1, 'correlation_id', gen_random_uuid());
    at := greatest(clock_timestamp(), h.recorded_at + interval '1 us');
    h.hash := event_hash(h.hash, i, 'batch:payments-' || i, 1, 'DataAppended', at, d, m);
    h.recorded_at := at;
    insert into events values (i, 'batch:payments-' || i, 1, 'DataAppended', d, m, at, h.hash);
  end loop;
  update event_head set position = {events}, hash = h.hash, recorded_at = h.recorded_at;
end $$"""
BODIES = "select jsonb_build_array(position, stream, version, type, 0, data, meta)::text from events"


async def fastest(work: Callable[[], Awaitable[object]], rounds: int) -> float:
    """Seconds of the best of some rounds."""
    best = float("inf")
    for _ in range(rounds):
        begun = time.perf_counter()
        await work()
        best = min(best, time.perf_counter() - begun)
    return best


async def measured(dsn: str, events: int, rounds: int) -> None:
    """Fill the log, verify it in each way, and print the rates."""
    engine = open_engine(dsn)
    await migrate(engine)
    await engine.dispose()
    connection = await asyncpg.connect(dsn, command_timeout=3600)
    await connection.execute(FILL.format(events=events))
    await connection.execute("vacuum analyze events")
    bodies = [row[0].encode() for row in await connection.fetch(BODIES)]
    await connection.close()

    async def alone() -> None:
        assert (await verify(Question(dsn=dsn))).intact

    async def in_sql() -> None:
        async with await open_pool(dsn) as pool:
            assert (await verify_in_sql(pool)).intact

    async def digests() -> None:
        previous = bytes(32)
        for body in bodies:
            previous = hashlib.sha256(previous + body).digest()

    size = sum(map(len, bodies)) / events
    print(f"{os.cpu_count()} cores, {events} events of {size:.0f} bytes, best of {rounds}")
    for name, work in {"verifier alone": alone, "SQL in the database": in_sql, "digests in memory": digests}.items():
        seconds = await fastest(work, rounds)
        print(f"{name:20}{events / seconds:12,.0f} events/s")
    print(f"target: the verifier above {TARGET:,} events/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres.start(Path(folder) / "data") as postgres:
        asyncio.run(measured(postgres.dsn, given.events, given.rounds))


if __name__ == "__main__":
    main()

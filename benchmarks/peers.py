"""The peers of the store: plain inserts, and the eventsourcing package's recorder."""

import asyncio
import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import asyncpg
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from pace import CLIENTS, WARM, Meter, Pace, paced

from server.kernel.codec import Encoded


async def plain(meter: Meter, dsn: str, event: Encoded, commands: int) -> Pace:
    """Single-row inserts, each its own transaction, on as many connections as clients."""
    connections = [await asyncpg.connect(dsn) for _ in range(CLIENTS)]
    free = list(connections)
    await connections[0].execute(
        "create table if not exists plain (position bigint generated always as identity primary key, stream text not"
        " null, version int not null, type text not null, data jsonb not null, recorded_at timestamptz not null"
        " default clock_timestamp(), unique (stream, version))"
    )

    async def once(number: int) -> None:
        connection = free.pop()
        await connection.execute(
            "insert into plain (stream, version, type, data) values ($1, 1, $2, $3::text::jsonb)",
            f"contract:{number}",
            event.type,
            event.data.decode(),
        )
        free.append(connection)

    try:
        return await paced(meter, once, commands, CLIENTS)
    finally:
        await asyncio.gather(*(connection.close() for connection in connections))


def eventsourcing(meter: Meter, dsn: str, event: Encoded, commands: int) -> Pace:
    """Its application recorder, one event for each call, from as many threads as clients."""
    parts = urlsplit(dsn)
    datastore = PostgresDatastore(
        dbname=parts.path.strip("/"),
        host=parts.hostname or parse_qs(parts.query)["host"][0],
        port=parts.port or parse_qs(parts.query)["port"][0],
        user=parts.username or "",
        password=parts.password or "",
        pool_size=CLIENTS,
    )
    with datastore:
        recorder = PostgresApplicationRecorder(datastore, events_table_name="stored_events")
        recorder.create_table()

        def client(share: int) -> None:
            for _ in range(share):
                stored = StoredEvent(
                    originator_id=uuid.uuid4(), originator_version=1, topic=event.type, state=event.data
                )
                recorder.insert_events([stored])

        with ThreadPoolExecutor(CLIENTS) as threads:
            list(threads.map(client, [WARM] * CLIENTS))
            share = commands // CLIENTS
            meter.start()
            list(threads.map(client, [share] * CLIENTS))
            return meter.stop(share * CLIENTS)

"""How fast commands are recorded: plain inserts, the eventsourcing package, our store, and the whole server.

    python benchmarks/append.py [--commands 8000] [--rounds 3]

One embedded Postgres in a temporary folder serves all, each in a database of its own, with the same settings and the
same event of about 430 bytes of JSON. The rounds take turns, and medians are shown. Targets: the store with 32 clients
reaches at least 0.5 times the plain inserts and 5 times eventsourcing.
"""

import argparse
import asyncio
import itertools
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeAlias
from urllib.parse import parse_qs, urlsplit

import asyncpg
import mutation
import psutil
import psycopg
import uvloop
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore

from server.adapters.postgres.cluster import EmbeddedPostgres
from server.adapters.postgres.connections import connect, connect_writer
from server.adapters.store.commands import Commands
from server.adapters.store.feed import Feed
from server.adapters.store.intervals import IntervalWriter
from server.adapters.store.log import Log
from server.adapters.store.snapshots import Snapshots
from server.adapters.store.writer import StreamCheck, Writer
from server.database import open_database
from server.kernel.fields import Field
from server.kernel.ids import Kind, Urn, urn
from server.kernel.intent import Intent, intent
from server.kernel.quality import QualityRule
from server.mesh.contract.domain import CreateContract, DataContractDefined, Terms
from server.mesh.contract.service import CONTRACTS, MUST_EXIST
from server.mesh.dataset.domain import RegisterDataset
from server.mesh.dataset.service import DATASETS
from server.mesh.slices import CODEC, PROJECTIONS, TABLES
from server.settings import Settings

CLIENTS = 32
DATASET = Urn("dataset:orders")
TERMS = Terms(
    quality_rules=(
        QualityRule(column="amount", check="> 0"),
        QualityRule(column="currency", check="in ('EUR', 'USD')"),
    ),
    retention_days=365,
    description="Orders as the shops send them each night, before returns; what finance closes the month on.",
)
FIELDS = (Field(name="id", type="int"), Field(name="amount", type="decimal(18,2)"), Field(name="currency", type="string"))
EVENT = CODEC.encode(
    DataContractDefined(
        contract=Urn("contract:0-00000"),
        dataset=DATASET,
        contract_version=1,
        **{name: getattr(TERMS, name) for name in Terms.__dataclass_fields__},
    )
)

# Does one thing once; its number is new each time.
Once: TypeAlias = Callable[[int], Awaitable[object]]
_numbers = itertools.count(1)


async def per_second(once: Once, commands: int, clients: int) -> float:
    """How many times a second `clients` that wait for their answers get it done."""
    share = max(1, commands // clients)

    async def client() -> None:
        for _ in range(share):
            await once(next(_numbers))

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return share * clients / (time.perf_counter() - begun)


async def plain(dsn: str, commands: int) -> float:
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
            EVENT.type,
            EVENT.data.decode(),
        )
        free.append(connection)

    try:
        return await per_second(once, commands, CLIENTS)
    finally:
        await asyncio.gather(*(connection.close() for connection in connections))


def eventsourcing(dsn: str, commands: int) -> float:
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

        def client() -> None:
            for _ in range(commands // CLIENTS):
                event = StoredEvent(
                    originator_id=uuid.uuid4(), originator_version=1, topic=EVENT.type, state=EVENT.data
                )
                recorder.insert_events([event])

        with ThreadPoolExecutor(CLIENTS) as threads:
            begun = time.perf_counter()
            for done in [threads.submit(client) for _ in range(CLIENTS)]:
                done.result()
            return commands // CLIENTS * CLIENTS / (time.perf_counter() - begun)


@asynccontextmanager
async def store(dsn: str) -> AsyncGenerator[Commands]:
    """The store as the server has it, its live feed included."""
    async with open_database(Settings(database_url=dsn)) as database:
        feed = Feed(Log(database.pool), partial(connect, dsn))
        writer = Writer(partial(connect_writer, dsn), CODEC, PROJECTIONS, IntervalWriter(TABLES), feed.wake)
        commands = Commands(database.pool, writer, CODEC, Snapshots(database.pool))
        await writer.start()
        await feed.start()
        try:
            yield commands
        finally:
            await writer.stop()
            await feed.stop()


def asked(number: int) -> Intent:
    """A new client's intent."""
    return intent(
        actor="admin",
        correlation_id=f"benchmark-{number}",
        mutation="createContract",
        arguments={"number": number},
        client_key=None,
        secret=bytes(32),
    )


async def contracts(dsn: str, commands: int, clients: int) -> float:
    """Our store: load, decide, append, one row in one read table."""
    async with store(dsn) as ours:
        loaded = await ours.load(DATASETS, DATASET)
        if not loaded.version:
            await ours.execute(DATASETS, DATASET, registration("orders"), asked(0))

        async def once(number: int) -> None:
            contract = urn(Kind.CONTRACT, str(number))
            command = CreateContract(contract=contract, dataset=DATASET, terms=TERMS)
            guards = [StreamCheck(stream=DATASET, version=MUST_EXIST)]
            await ours.execute(CONTRACTS, contract, command, asked(number), guards=guards)

        return await per_second(once, commands, clients)


async def datasets(dsn: str, commands: int) -> float:
    """Our store: load, decide, append, a row in each of two read tables."""
    async with store(dsn) as ours:

        async def once(number: int) -> None:
            command = registration(f"orders-{number}")
            await ours.execute(DATASETS, command.dataset, command, asked(number))

        return await per_second(once, commands, CLIENTS)


def registration(name: str) -> RegisterDataset:
    """A small dataset."""
    return RegisterDataset(
        dataset=urn(Kind.DATASET, name), name=name, fields=FIELDS, contains_pii=None, encryption_enabled=False
    )


def run(work: Callable[[], Awaitable[float]]) -> float:
    """What the coroutine answers, on the loop that the server uses."""

    async def main() -> float:
        return await work()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())


def database(dsn: str, name: str) -> str:
    """The address of a new database."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    return urlsplit(dsn)._replace(path=f"/{name}").geturl()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--commands", type=int, default=8_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres.start(Path(folder) / "data") as server:
        compare(server.dsn, given.commands, given.rounds)
        mutation.compare(database(server.dsn, "through_http"), Path(folder), given.commands // 4)


def compare(dsn: str, commands: int, rounds: int) -> None:
    """Print the rates beside one another."""
    place = {name: database(dsn, name) for name in ("plain", "eventsourcing", "store")}
    contenders: dict[str, Callable[[], float]] = {
        f"plain inserts, {CLIENTS} connections": lambda: run(partial(plain, place["plain"], commands)),
        f"eventsourcing {CLIENTS} threads": lambda: eventsourcing(place["eventsourcing"], commands // 4),
        f"store, {CLIENTS} clients, 1 read table": lambda: run(partial(contracts, place["store"], commands, CLIENTS)),
        f"store, {CLIENTS} clients, 2 read tables": lambda: run(partial(datasets, place["store"], commands)),
        "store, 1 client, 1 read table": lambda: run(partial(contracts, place["store"], commands // 8, 1)),
    }
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            found[name].append(contender())
    raw, theirs, *_ = medians = [statistics.median(rates) for rates in found.values()]
    print(f"{len(EVENT.data)} bytes of JSON, {os.cpu_count()} cores, medians of {rounds} rounds")
    print(f"{'':40}{'per s':>8}{'x plain':>9}{'x eventsourcing':>17}")
    for name, rate in zip(found, medians, strict=True):
        print(f"{name:40}{rate:8,.0f}{rate / raw:9.2f}{rate / theirs:17.1f}")


if __name__ == "__main__":
    main()

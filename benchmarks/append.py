"""How fast commands are recorded: plain inserts, the eventsourcing package, our store, and the whole server.

    python benchmarks/append.py [--commands 8000] [--rounds 3]

One embedded Postgres in a temporary folder serves all, each in a database of its own, with the same settings and the
same event of about 430 bytes of JSON. The contenders take turns; the best rounds are those in which nobody else
used the machine. Targets: the store with 32 clients
reaches at least 0.5 times the plain inserts and 5 times eventsourcing.
"""

import argparse
import asyncio
import itertools
import statistics
import tempfile
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeAlias
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
WARM = 10  # commands of each client before the clock starts
DATASET = Urn("dataset:orders")
TERMS = Terms(
    quality_rules=(
        QualityRule(column="amount", check="> 0"),
        QualityRule(column="currency", check="in ('EUR', 'USD')"),
    ),
    retention_days=365,
    description="Orders as the shops send them each night, before returns; what finance closes the month on.",
)
EVENT = CODEC.encode(
    DataContractDefined(
        contract=Urn("contract:0-00000"),
        dataset=DATASET,
        contract_version=1,
        **{name: getattr(TERMS, name) for name in Terms.__dataclass_fields__},
    )
)


class Pace(NamedTuple):
    """Commands a second, and processor microseconds for each of them."""

    rate: float
    python: float
    postgres: float


# Does one thing once; its number is new each time.
Once: TypeAlias = Callable[[int], Awaitable[object]]
_numbers = itertools.count(1)


class Meter:
    """Time, and processor time of this process and of Postgres, between `start` and `stop`."""

    def __init__(self, postgres: psutil.Process) -> None:
        self._postgres = postgres
        self._begun = self._read()

    def _read(self) -> tuple[float, float, float]:
        return time.perf_counter(), time.process_time(), mutation.processor_seconds(self._postgres)

    def start(self) -> None:
        """Count from now on."""
        self._begun = self._read()

    def stop(self, commands: int) -> Pace:
        """What `commands` took since the start."""
        wall, ours, theirs = (after - before for before, after in zip(self._begun, self._read(), strict=True))
        return Pace(commands / wall, 1e6 * ours / commands, 1e6 * theirs / commands)


async def paced(meter: Meter, once: Once, commands: int, clients: int) -> Pace:
    """How fast `clients` that wait for their answers get it done, once all is warm."""

    async def client(share: int) -> None:
        for _ in range(share):
            await once(next(_numbers))

    await asyncio.gather(*(client(WARM) for _ in range(clients)))
    share = commands // clients
    meter.start()
    await asyncio.gather(*(client(share) for _ in range(clients)))
    return meter.stop(share * clients)


async def plain(meter: Meter, dsn: str, commands: int) -> Pace:
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
        return await paced(meter, once, commands, CLIENTS)
    finally:
        await asyncio.gather(*(connection.close() for connection in connections))


def eventsourcing(meter: Meter, dsn: str, commands: int) -> Pace:
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
                event = StoredEvent(
                    originator_id=uuid.uuid4(), originator_version=1, topic=EVENT.type, state=EVENT.data
                )
                recorder.insert_events([event])

        with ThreadPoolExecutor(CLIENTS) as threads:
            list(threads.map(client, [WARM] * CLIENTS))
            share = commands // CLIENTS
            meter.start()
            list(threads.map(client, [share] * CLIENTS))
            return meter.stop(share * CLIENTS)


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


async def contracts(meter: Meter, dsn: str, commands: int, clients: int) -> Pace:
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

        return await paced(meter, once, commands, clients)


async def datasets(meter: Meter, dsn: str, commands: int) -> Pace:
    """Our store: load, decide, append, a row in each of two read tables."""
    async with store(dsn) as ours:

        async def once(number: int) -> None:
            command = registration(f"orders-{number}")
            await ours.execute(DATASETS, command.dataset, command, asked(number))

        return await paced(meter, once, commands, CLIENTS)


def registration(name: str) -> RegisterDataset:
    """A small dataset."""
    return RegisterDataset(
        dataset=urn(Kind.DATASET, name), name=name, fields=mutation.FIELDS, contains_pii=None, encryption_enabled=False
    )


def run(work: Callable[[], Awaitable[Pace]]) -> Pace:
    """What the coroutine answers, on the loop that the server uses."""

    async def main() -> Pace:
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
        pid = (Path(folder) / "data" / "postgres" / "postmaster.pid").read_text().split()[0]
        postgres = psutil.Process(int(pid))
        compare(server.dsn, postgres, given.commands, given.rounds)
        places = database(server.dsn, "through_http"), database(server.dsn, "inside")
        mutation.compare(*places, postgres, Path(folder), given.commands // 8)


def compare(dsn: str, postgres: psutil.Process, commands: int, rounds: int) -> None:
    """Print the rates beside one another, and what they cost."""
    place = {name: database(dsn, name) for name in ("plain", "eventsourcing", "store")}
    meter = Meter(postgres)
    contenders: dict[str, Callable[[], Pace]] = {
        f"plain inserts, {CLIENTS} connections": lambda: run(partial(plain, meter, place["plain"], commands)),
        f"eventsourcing, {CLIENTS} threads, {psycopg.pq.__impl__} driver": lambda: eventsourcing(
            meter, place["eventsourcing"], commands // 8
        ),
        f"store, {CLIENTS} clients, 1 read table": lambda: run(
            partial(contracts, meter, place["store"], commands, CLIENTS)
        ),
        f"store, {CLIENTS} clients, 2 read tables": lambda: run(partial(datasets, meter, place["store"], commands)),
        "store, 1 client, 1 read table": lambda: run(partial(contracts, meter, place["store"], commands // 8, 1)),
    }
    found: dict[str, list[Pace]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            found[name].append(contender())
    for title, choose in (("best", max), ("median", statistics.median)):
        rates = {name: choose(pace.rate for pace in paces) for name, paces in found.items()}
        raw, package, *_ = rates.values()
        print(f"\n{f'{title} of {rounds} rounds, {len(EVENT.data)} bytes of JSON':46}", end="")
        print(f"{'per s':>8}{'x plain':>9}{'x eventsourcing':>17}{'Python us':>11}{'Postgres us':>13}")
        for name, rate in rates.items():
            _, ours, theirs = map(statistics.median, zip(*found[name], strict=True))
            print(f"{name:46}{rate:8,.0f}{rate / raw:9.2f}{rate / package:17.1f}{ours:11,.0f}{theirs:13,.0f}")


if __name__ == "__main__":
    main()

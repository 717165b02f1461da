"""How fast commands are recorded: plain inserts, the eventsourcing package, our store, and the whole server.

    python benchmarks/append.py [--commands 8000] [--rounds 3]

One embedded Postgres in a temporary folder serves all, each in a database of its own, with the same settings and the
same event of about 430 bytes of JSON. The contenders take turns; the best rounds are those in which nobody else
used the machine. Targets: the store with 32 clients
reaches at least 0.5 times the plain inserts and 5 times eventsourcing.
"""

import argparse
import statistics
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import mutation
import peers
import psutil
import psycopg
from pace import CLIENTS, Meter, Pace, paced, run

from server.adapters.postgres.cluster import EmbeddedPostgres
from server.adapters.postgres.connections import connect, connect_writer
from server.adapters.store.append import MUST_EXIST, Append, NewEvent, Outcome, StreamCheck
from server.adapters.store.commands import Commands
from server.adapters.store.feed import Feed
from server.adapters.store.intervals import IntervalWriter
from server.adapters.store.log import Log
from server.adapters.store.snapshots import Snapshots
from server.adapters.store.writer import Writer
from server.database import open_database
from server.kernel.ids import Kind, Urn, urn
from server.kernel.intent import Intent, intent
from server.kernel.quality import QualityRule
from server.mesh.contract.domain import CreateContract, DataContractDefined, Terms, values
from server.mesh.contract.service import CONTRACTS
from server.mesh.dataset.domain import RegisterDataset
from server.mesh.dataset.service import DATASETS
from server.mesh.slices import CODEC, PROJECTIONS, TABLES
from server.settings import Settings

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
        **values(TERMS),
    )
)


class Store(NamedTuple):
    """The store as the server has it."""

    commands: Commands
    writer: Writer


@asynccontextmanager
async def store(dsn: str) -> AsyncGenerator[Store]:
    """The store as the server has it, its live feed included."""
    async with open_database(Settings(database_url=dsn)) as database:
        feed = Feed(Log(database.pool), partial(connect, dsn))
        writer = Writer(partial(connect_writer, dsn), CODEC, PROJECTIONS, IntervalWriter(TABLES), feed.wake)
        commands = Commands(database.pool, writer, CODEC, Snapshots(database.pool))
        await writer.start()
        await feed.start()
        try:
            yield Store(commands, writer)
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


async def ready(ours: Store) -> None:
    """The dataset that all contracts are for."""
    if not (await ours.commands.load(DATASETS, DATASET)).version:
        await ours.commands.execute(DATASETS, DATASET, registration("orders"), asked(0))


async def appends(meter: Meter, dsn: str, commands: int) -> Pace:
    """Our store without load and decision: events that are appended under checks, one row in one read table."""
    async with store(dsn) as ours:
        await ready(ours)

        async def once(number: int) -> None:
            contract = urn(Kind.CONTRACT, str(number))
            event = DataContractDefined(contract=contract, dataset=DATASET, contract_version=1, **values(TERMS))
            append = Append(
                intent=asked(number),
                checks=(StreamCheck(stream=contract, version=0), StreamCheck(stream=DATASET, version=MUST_EXIST)),
                events=(NewEvent(stream=contract, event=event, about=(DATASET,)),),
            )
            assert (await ours.writer.submit(append)).outcome is Outcome.APPENDED

        return await paced(meter, once, commands, CLIENTS)


async def contracts(meter: Meter, dsn: str, commands: int, clients: int) -> Pace:
    """Our store: load, decide, append, one row in one read table."""
    async with store(dsn) as ours:
        await ready(ours)

        async def once(number: int) -> None:
            contract = urn(Kind.CONTRACT, str(number))
            command = CreateContract(contract=contract, dataset=DATASET, terms=TERMS)
            guards = [StreamCheck(stream=DATASET, version=MUST_EXIST)]
            await ours.commands.execute(CONTRACTS, contract, command, asked(number), guards=guards)

        return await paced(meter, once, commands, clients)


async def datasets(meter: Meter, dsn: str, commands: int) -> Pace:
    """Our store: load, decide, append, a row in each of two read tables."""
    async with store(dsn) as ours:

        async def once(number: int) -> None:
            command = registration(f"orders-{number}")
            await ours.commands.execute(DATASETS, command.dataset, command, asked(number))

        return await paced(meter, once, commands, CLIENTS)


def registration(name: str) -> RegisterDataset:
    """A small dataset."""
    return RegisterDataset(
        dataset=urn(Kind.DATASET, name), name=name, fields=mutation.FIELDS, contains_pii=None, encryption_enabled=False
    )


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
        f"plain inserts, {CLIENTS} connections": lambda: run(
            partial(peers.plain, meter, place["plain"], EVENT, commands)
        ),
        f"eventsourcing, {CLIENTS} threads, {psycopg.pq.__impl__} driver": lambda: peers.eventsourcing(
            meter, place["eventsourcing"], EVENT, commands // 8
        ),
        f"store, {CLIENTS} clients, append alone": lambda: run(partial(appends, meter, place["store"], commands)),
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

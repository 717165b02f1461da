"""Audited reads beside unaudited ones: pages of a dataset in a lake and of one in none, and lakes with a long log.

    python benchmarks/audited_reads.py [--seconds 5] [--rounds 7] [--clients 32] [--audits 100000]

One server on a DATA_DIR in a temporary folder, asked over HTTP by clients in this process that wait for their answers.
Both datasets hold the same file. Rounds take turns; the ratio is that of two rounds side by side.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import create_records
import httpx
import orjson
import psutil
import uvloop
from create_records import KEY, Server, row, serving

from server.database import open_database, open_store
from server.kernel.ids import Urn
from server.mesh.audit.places import ReadPlaces
from server.mesh.audit.service import Access, AccessAudit, Reading
from server.mesh.lake.stream import LAKES
from server.settings import Settings

PAGE = '{ dataset(name: "%s") { records(first: 100) { nodes } } }'
ROW = '{ dataset(name: "%s") { record(id: "%s") } }'
DATASETS = ("free", "audited")
ROWS = 10_000  # of each dataset
SINGLE = 10_000  # audits by clients that wait for each
AT_ONCE = 500  # audits in one append


class Rate(NamedTuple):
    """Answers a second, and milliseconds of the server's processor time for each of them."""

    rate: float
    spent: float


class Client:
    """One connection that asks the same again and again: as little work for the client as can be."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> None:
        self._reader, self._writer = reader, writer
        self._request = (
            f"POST /graphql HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\nX-Purpose: benchmark\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body

    async def ask(self) -> bytes:
        """The answer's body."""
        self._writer.write(self._request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        return await self._reader.readexactly(length)

    def close(self) -> None:
        """Give the connection up."""
        self._writer.close()


class Rates:
    """Measures one question on one server."""

    def __init__(self, process: psutil.Process, address: str, clients: int, seconds: float) -> None:
        self._process = process
        self._address = address
        self._clients = clients
        self._seconds = seconds

    async def of(self, query: str) -> Rate:
        """How fast it is answered."""
        host, port = self._address.removeprefix("http://").split(":")
        body = orjson.dumps({"query": query})
        clients = [Client(*await asyncio.open_connection(host, int(port)), body) for _ in range(self._clients)]
        assert b'"errors"' not in await clients[0].ask()
        begun, spent = time.perf_counter(), sum(self._process.cpu_times()[:2])
        end = begun + self._seconds

        async def loop(client: Client) -> int:
            done = 0
            while time.perf_counter() < end:
                await client.ask()
                done += 1
            return done

        answers = sum(await asyncio.gather(*map(loop, clients)))
        took, used = time.perf_counter() - begun, sum(self._process.cpu_times()[:2]) - spent
        for client in clients:
            client.close()
        return Rate(answers / took, 1000 * used / answers)


async def prepare(server: Server) -> None:
    """The same rows in the datasets `free` and `audited`, one of them in a lake."""
    names = [str(field["name"]) for field in create_records.FIELDS]
    rows = [",".join(str(row(number)[name]) for name in names) for number in range(ROWS)]
    for dataset in DATASETS:
        await server.dataset(dataset)
        await server.upload(dataset, "\n".join([",".join(names), *rows, ""]))
    await server.ask(
        'mutation { createDataLake(input: {lakeId: "lake", name: "lake", owner: "o", region: "r",'
        " complianceLevel: GDPR}) { events { type } } }"
    )
    await server.ask(
        'mutation { ingestDataset(input: {lake: "lake", dataset: "audited", dataSource: "s", recordCount: 1,'
        " containsPii: false}) { events { type } } }"
    )


async def first_id(server: Server, dataset: str) -> str:
    """The `_id` of a dataset's first row."""
    data = await server.ask(f'{{ dataset(name: "{dataset}") {{ records(first: 1) {{ nodes }} }} }}')
    return str(data["dataset"]["records"]["nodes"][0]["_id"])


async def compare(process: psutil.Process, address: str, given: argparse.Namespace) -> None:
    """Print rates and ratios."""
    rates = Rates(process, address, given.clients, given.seconds)
    headers = {"Authorization": f"Bearer {KEY}", "X-Purpose": "benchmark"}
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=120) as client:
        server = Server(client)
        await prepare(server)
        ids = {dataset: await first_id(server, dataset) for dataset in DATASETS}
    questions = {
        "a page of 100 rows": {dataset: PAGE % dataset for dataset in DATASETS},
        "one row by its id": {dataset: ROW % (dataset, ids[dataset]) for dataset in DATASETS},
    }
    for name, asked in questions.items():
        found: dict[str, list[Rate]] = {dataset: [] for dataset in DATASETS}
        for number in range(given.rounds + 1):
            for dataset, query in asked.items():
                measured = await rates.of(query)
                if number:  # the first is warming up
                    found[dataset].append(measured)
        free, audited = (Rate(*map(statistics.median, zip(*found[dataset], strict=True))) for dataset in DATASETS)
        ratios = [a.rate / f.rate for f, a in zip(found["free"], found["audited"], strict=True)]
        print(
            f"{name}, {given.clients} clients: {free.rate:,.0f} a second, audited {audited.rate:,.0f};"
            f" ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f});"
            f" processor time of the server {free.spent:.2f} and {audited.spent:.2f} ms, Postgres aside"
        )


async def long_log(settings: Settings, audits: int, clients: int) -> None:
    """Audits alone, by clients that wait and many in one append; then what it takes to load the lake."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings))
        store = await open_store(database, stack)
        audit = AccessAudit(store.commands, ReadPlaces(database.pool))
        place = (await audit.places(["dataset:audited"]))["dataset:audited"]
        reading = Reading(accessor="bi", purpose="benchmark", correlation_id="c")
        access = place, Access(dataset=place.dataset, action="records")

        async def reader() -> None:
            for _ in range(SINGLE // clients):
                await audit.record(reading, [access])

        begun = time.perf_counter()
        await asyncio.gather(*(reader() for _ in range(clients)))
        print(f"audits alone, {clients} clients: {SINGLE / (time.perf_counter() - begun):,.0f} a second;", end=" ")
        begun = time.perf_counter()
        for _ in range(audits // AT_ONCE):
            await audit.record(reading, [access] * AT_ONCE)
        print(f"{AT_ONCE} in one append: {audits / (time.perf_counter() - begun):,.0f} a second")
        lake = Urn("lake:lake")
        took: list[float] = []
        for _ in range(20):
            begun = time.perf_counter()
            version = (await store.commands.load(LAKES, lake)).version
            took.append(1000 * (time.perf_counter() - begun))
        rows = await store.commands._streams.rows(lake, LAKES.shape)
        print(f"a lake of {version:,} events loads in {statistics.median(took):.1f} ms from {len(rows)} rows")


def main() -> None:
    """Read the arguments and run."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--seconds", type=float, default=5, help="of a round")
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--clients", type=int, default=32)
    arguments.add_argument("--audits", type=int, default=100_000, help="in the log of a lake that is loaded")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="lakemesh-") as folder:
        data_dir = Path(folder) / "data"
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            with serving(data_dir) as (process, address):
                runner.run(compare(process, address, given))
            runner.run(long_log(Settings(data_dir=data_dir), given.audits, given.clients))


if __name__ == "__main__":
    main()

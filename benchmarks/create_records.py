"""Creating records, and what it costs to read them before and after compaction.

    python benchmarks/create_records.py [--calls 1000] [--records 10] [--clients 8]

A server of its own on a DATA_DIR in a temporary folder. Every record is created through HTTP; then the same rows are
uploaded as one CSV file into another dataset, and read in turn: the first page of 100 rows, a filtered and sorted
page, a filtered count. What counts are the ratios to the one file.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

KEY = "a key for benchmarks only"
FIELDS = [
    {"name": "id", "type": "int", "nullable": False},
    {"name": "amount", "type": "decimal(18,2)"},
    {"name": "currency", "type": "string"},
    {"name": "at", "type": "datetime"},
]
CREATE = "mutation($input: CreateRecordsInput!) { createRecords(input: $input) { ids } }"
FILTER = 'filter: [{field: "currency", op: EQ, value: "EUR"}]'
READS = {
    "first page": "records(first: 100) { nodes }",
    "filtered and sorted page": f'records(first: 100, {FILTER}, orderBy: [{{field: "amount"}}]) {{ nodes }}',
    "filtered count": f"recordCount({FILTER})",
}
ROUNDS = 15


class Server:
    """A client of the server."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def ask(self, query: str, **given: Any) -> Any:  # JSON
        """The data of an answer without errors."""
        answer = (await self._client.post("/graphql", json={"query": query, "variables": given})).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    async def dataset(self, name: str) -> None:
        """Register a dataset and its contract."""
        await self.ask(
            "mutation($input: RegisterDatasetInput!) { registerDataset(input: $input) { events { type } } }",
            input={"name": name, "fields": FIELDS},
        )
        await self.ask(
            "mutation($input: CreateContractInput!) { createContract(input: $input) { events { type } } }",
            input={"dataset": name, "contractId": name},
        )

    async def upload(self, dataset: str, text: str) -> None:
        """Append a file."""
        made = await self.ask('mutation { createUploadUrl(input: {filename: "x.csv"}) { fileUrl uploadUrl { url } } }')
        address = made["createUploadUrl"]
        (await self._client.put(address["uploadUrl"]["url"], content=text.encode())).raise_for_status()
        await self.ask(
            "mutation($input: AppendDataInput!) { appendData(input: $input) { run { status } } }",
            input={"dataset": dataset, "contractId": dataset, "fileUrl": address["fileUrl"]},
        )


def row(number: int) -> dict[str, object]:
    """One record."""
    return {
        "id": number,
        "amount": f"{number * 37 % 10_000}.{number % 100:02}",
        "currency": ("EUR", "USD", "CHF")[number % 3],
        "at": f"2026-01-{1 + number % 28:02}T12:00:00Z",
    }


async def create(server: Server, calls: int, records: int, clients: int) -> tuple[float, list[float]]:
    """Calls a second, and seconds of each."""
    numbers = iter(range(calls))
    took: list[float] = []

    async def client() -> None:
        for number in numbers:
            given = [row(number * records + place) for place in range(records)]
            begun = time.perf_counter()
            await server.ask(CREATE, input={"dataset": "many", "contractId": "many", "records": given})
            took.append(time.perf_counter() - begun)

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return calls / (time.perf_counter() - begun), took


async def reads(server: Server, *datasets: str) -> dict[str, list[float]]:
    """Of each read the median milliseconds for each dataset, asked in turn."""
    found: dict[str, list[float]] = {}
    for name, select in READS.items():
        took: list[list[float]] = [[] for _ in datasets]
        for number in range(ROUNDS + 2):
            for place, dataset in enumerate(datasets):
                begun = time.perf_counter()
                await server.ask(f'{{ dataset(name: "{dataset}") {{ {select} }} }}')
                if number >= 2:
                    took[place].append(1000 * (time.perf_counter() - begun))
        found[name] = [statistics.median(each) for each in took]
    return found


@contextmanager
def serving(folder: Path) -> Iterator[tuple[psutil.Process, str]]:
    """A server process and its address."""
    environment = {**os.environ, "DATA_DIR": str(folder), "PORT": "0", "API_KEY": KEY, "SCHEDULE_SECONDS": "100000"}
    process = subprocess.Popen(
        [sys.executable, "-m", "server", "serve"], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        address = next(line for line in process.stdout if "http://" in line).split()[-1].removesuffix("/graphql")
        yield psutil.Process(process.pid), address
    finally:
        process.terminate()
        process.wait()


async def compare(process: psutil.Process, address: str, folder: Path, calls: int, records: int, clients: int) -> None:
    """Print rates and ratios."""
    headers = {"Authorization": f"Bearer {KEY}"}
    limits = httpx.Limits(max_connections=clients)
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=120, limits=limits) as client:
        server = Server(client)
        await server.dataset("many")
        await server.dataset("one")
        warm = await create(server, 1, 1, 1)
        spent = sum(process.cpu_times()[:2])
        rate, took = await create(server, calls, records, clients)
        spent = 1000 * (sum(process.cpu_times()[:2]) - spent) / calls
        print(f"{calls} calls of {records} records, {clients} clients: {rate:,.0f} calls a second,", end=" ")
        print(f"{rate * records:,.0f} records a second; median {1000 * statistics.median(took):.1f} ms,", end=" ")
        print(f"slowest {1000 * max(took):.0f} ms (the first call of all {1000 * warm[1][0]:.0f} ms);")
        print(f"processor time of the server, Postgres aside: {spent:.1f} ms a call")
        rows = [row(0), *(row(number) for number in range(calls * records))]
        names = [str(field["name"]) for field in FIELDS]
        text = "\n".join([",".join(names), *(",".join(str(each[name]) for name in names) for each in rows)])
        await server.upload("one", f"{text}\n")
        before = await reads(server, "many", "one")
        begun = time.perf_counter()
        job = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "server", "jobs", "compact", env={**os.environ, "DATA_DIR": str(folder)}, stdout=-1
        )
        told = (await job.communicate())[0].decode().strip()
        print(f"compaction {time.perf_counter() - begun:.1f} s, start of the command included: {json.dumps(told)}")
        after = await reads(server, "many", "one")
    print(f"\n{'milliseconds, through HTTP':28}{'many files':>12}{'x one':>8}", end="")
    print(f"{'compacted':>12}{'x one':>8}{'one file':>10}")
    for name in READS:
        (many, one), (merged, again) = before[name], after[name]
        print(f"{name:28}{many:12.1f}{many / one:8.1f}{merged:12.1f}{merged / again:8.2f}{again:10.1f}")


def main() -> None:
    """Read the arguments and run."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--calls", type=int, default=1000)
    arguments.add_argument("--records", type=int, default=10)
    arguments.add_argument("--clients", type=int, default=8)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="lakemesh-") as folder:
        data_dir = Path(folder) / "data"
        with serving(data_dir) as (process, address):
            asyncio.run(compare(process, address, data_dir, given.calls, given.records, given.clients))


if __name__ == "__main__":
    main()

"""Replay of a published dataset, beside the first time its batches went that way and beside DuckDB on the same files.

    python benchmarks/replay.py [--batches 50] [--rows 100000] [--folder FOLDER]

A server of its own on a DATA_DIR in a temporary folder. Each batch is appended, checked, anonymised and published
through HTTP; then the dataset is replayed, and its run followed by `subscription processRun`. DuckDB reads the same
CSV files, writes them as Parquet three times (bronze, masked, published) and counts the same checks in between.
"""

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import httpx
import psutil
import websockets

KEY = "a key for benchmarks only"
FIELDS = [
    {"name": "id", "type": "int", "nullable": False},
    {"name": "email", "type": "string", "pii": True},
    {"name": "country", "type": "string"},
    {"name": "amount", "type": "decimal(18,2)"},
    {"name": "score", "type": "float"},
    {"name": "active", "type": "boolean"},
    {"name": "day", "type": "date"},
    {"name": "moment", "type": "datetime"},
]
QUALITY = [
    {"column": "id", "check": "unique"},
    {"column": "email", "check": "not null"},
    {"column": "country", "check": "length = 2"},
    {"column": "amount", "check": "between 0 and 9999.99"},
    {"column": "day", "check": "after '2019-12-31'"},
]
PRIVACY = [{"column": "email", "strategy": "MASK"}]
CELLS = """
    range as id, 'person' || (hash(range * 5) % 900000) || '@example.org' as email,
    ['NL', 'BE', 'DE', 'FR', 'PL'][1 + (hash(range * 7) % 5)::int] as country,
    ((hash(range * 11) % 1000000)::decimal(18, 2) / 100)::decimal(18, 2) as amount,
    (hash(range * 13) % 1000001) / 1000000.0::double as score, hash(range * 17) % 2 = 0 as active,
    date '2020-01-01' + (hash(range * 19) % 1800)::int as day,
    strftime(timestamp '2024-01-01' + to_seconds((hash(range * 23) % 30000000)::bigint), '%Y-%m-%dT%H:%M:%SZ') as moment
"""
COLUMNS = (
    "{'id': 'bigint', 'email': 'varchar', 'country': 'varchar', 'amount': 'decimal(18,2)', 'score': 'double',"
    " 'active': 'boolean', 'day': 'date', 'moment': 'timestamptz'}"
)
CHECKS = """
select count(*),
    (select coalesce(sum(n), 0) from (select count(*) as n from read_parquet($1) group by id having n > 1)),
    count(*) filter (email is null), count(*) filter (length(country) <> 2),
    count(*) filter (amount not between 0 and 9999.99), count(*) filter (day <= date '2019-12-31')
from read_parquet($1)
"""
STEPS = {
    "runQualityCheck": "RunQualityCheckInput",
    "anonymizeData": "AnonymizeDataInput",
    "publishData": "PublishDataInput",
}
WATCH = "subscription ($id: ID!) { processRun(id: $id) { status progress rowsDone error } }"
SHOWN = 0.05  # of progress, between two lines


class Took(NamedTuple):
    """Seconds by the clock and of the processors."""

    wall: float
    cpu: float


class Spent:
    """What a process takes from now on, and the most memory that it was seen with."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._begun = self._now()
        self.peak = 0.0

    def _now(self) -> Took:
        return Took(time.perf_counter(), sum(self._process.cpu_times()[:2]))

    def took(self) -> Took:
        """Since it was made."""
        now = self._now()
        return Took(now.wall - self._begun.wall, now.cpu - self._begun.cpu)

    async def watch(self) -> None:
        """Look at the memory until somebody cancels it."""
        while True:
            self.peak = max(self.peak, self._process.memory_info().rss / 1e6)
            await asyncio.sleep(0.1)


class Server:
    """A client of the server."""

    def __init__(self, client: httpx.AsyncClient, address: str) -> None:
        self._client = client
        self._address = address

    async def do(self, name: str, kind: str, select: str, /, **given: Any) -> Any:  # JSON
        """The payload of a mutation that succeeds."""
        query = f"mutation($input: {kind}!) {{ {name}(input: $input) {{ {select} }} }}"
        answer = (await self._client.post("/graphql", json={"query": query, "variables": {"input": given}})).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"][name]

    async def upload(self, path: Path) -> str:
        """The address of a file that was sent."""
        made = await self.do("createUploadUrl", "CreateUploadUrlInput", "fileUrl uploadUrl { url }", filename="b.csv")
        (await self._client.put(made["uploadUrl"]["url"], content=path.read_bytes())).raise_for_status()
        return str(made["fileUrl"])

    async def follow(self, run: str) -> None:
        """Show how far a run is, to its end."""
        begun, shown, heard = time.perf_counter(), 0.0, 0
        address = f"ws{self._address.removeprefix('http')}/graphql"
        async with websockets.connect(address, subprotocols=[websockets.Subprotocol("graphql-transport-ws")]) as socket:
            payload = {"Authorization": f"Bearer {KEY}"}
            await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
            operation = {"query": WATCH, "variables": {"id": run}}
            await socket.recv()
            await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": operation}))
            while (message := json.loads(await socket.recv()))["type"] != "complete":
                if message["type"] == "ping":
                    await socket.send(json.dumps({"type": "pong"}))
                    continue
                state, heard = message["payload"]["data"]["processRun"], heard + 1
                assert state["status"] != "FAILED", state
                if state["progress"] >= shown + SHOWN or state["status"] == "SUCCEEDED":
                    shown = state["progress"]
                    after = time.perf_counter() - begun
                    print(f"  {after:7.1f} s {shown:6.1%} {int(state['rowsDone']):>12,} rows  {state['status']}")
        print(f"  {heard} states were told")


def generate(folder: Path, batches: int, rows: int) -> list[Path]:
    """Write the files that come in."""
    files = [folder / f"{number:03}.csv" for number in range(batches)]
    with duckdb.connect() as engine:
        for number, file in enumerate(files):
            span = f"range({number * rows}, {(number + 1) * rows})"
            engine.execute(f"copy (select {CELLS} from {span}) to '{file}' (format csv, header)").fetchall()
    return files


async def ours(process: psutil.Process, address: str, files: list[Path], rows: int) -> dict[str, tuple[Took, float]]:
    """The batches' first way and the replay, each with the server's peak memory in MB."""
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=300) as client:
        server = Server(client, address)
        event = "events { type }"
        await server.do("registerDataset", "RegisterDatasetInput", event, name="sales", fields=FIELDS)
        terms = {"contractId": "terms", "qualityRules": QUALITY, "privacyRules": PRIVACY}
        await server.do("createContract", "CreateContractInput", event, dataset="sales", **terms)
        urls = [await server.upload(file) for file in files]
        found: dict[str, tuple[Took, float]] = {}

        async def first_way() -> None:
            for number, url in enumerate(urls):
                batch = {"dataset": "sales", "contractId": "terms", "batchId": f"b{number:03}", "fileUrl": url}
                await server.do("appendData", "AppendDataInput", event, **batch, waitSeconds=60)
                for step, kind in STEPS.items():
                    await server.do(step, kind, event, batchId=f"b{number:03}", waitSeconds=60)

        async def replay() -> None:
            given = {"dataset": "sales", "reason": "measured", "waitSeconds": 0}
            made = await server.do("requestReplay", "RequestReplayInput", "run { id }", **given)
            await server.follow(made["run"]["id"])

        for name, work in {"first time": first_way, "replay": replay}.items():
            spent = Spent(process)
            watching = asyncio.create_task(spent.watch())
            await work()
            watching.cancel()
            found[name] = (spent.took(), spent.peak)
        query = '{ dataset(name: "sales") { recordCount(layer: GOLD) } }'
        answer = (await client.post("/graphql", json={"query": query})).json()
        assert int(answer["data"]["dataset"]["recordCount"]) == rows * len(files), answer
        return found


def plain(folder: Path) -> None:
    """DuckDB on the same files; prints what it took."""
    with duckdb.connect(config={"memory_limit": "512MB", "threads": os.cpu_count() or 1}) as engine:
        engine.execute("set timezone = 'UTC'")
        begun = Took(time.perf_counter(), time.process_time())
        for file in sorted(folder.glob("*.csv")):
            bronze, silver, gold = (str(file.with_suffix(f".{layer}")) for layer in ("bronze", "silver", "gold"))
            read = f"from read_csv('{file}', header = true, auto_detect = false, columns = {COLUMNS})"
            engine.execute(f"copy ({read}) to '{bronze}' (format parquet, compression zstd)").fetchall()
            assert engine.execute(CHECKS, [bronze]).fetchall()[0][1:] == (0, 0, 0, 0, 0)
            hidden = "left(email, 1) || '***' || email[strpos(email, '@'):]"
            masked = f"select * replace ({hidden} as email) from read_parquet('{bronze}')"
            engine.execute(f"copy ({masked}) to '{silver}' (format parquet, compression zstd)").fetchall()
            engine.execute(
                f"copy (from read_parquet('{silver}')) to '{gold}' (format parquet, compression zstd)"
            ).fetchall()
        took = Took(time.perf_counter() - begun.wall, time.process_time() - begun.cpu)
    print(json.dumps([*took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000]))


@contextmanager
def serving(folder: Path) -> Generator[tuple[psutil.Process, str]]:
    """A server process and its address."""
    environment = {**os.environ, "DATA_DIR": str(folder), "PORT": "0", "API_KEY": KEY, "SCHEDULE_SECONDS": "100000"}
    process = subprocess.Popen(
        [sys.executable, "-m", "server", "serve"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        address = next(line for line in process.stdout if "http://" in line).split()[-1].removesuffix("/graphql")
        yield psutil.Process(process.pid), address
    finally:
        process.terminate()
        process.wait()


def compare(batches: int, rows: int, parent: Path | None) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(prefix="lakemesh-", dir=parent) as folder:
        place = Path(folder)
        files = generate(place, batches, rows)
        print(f"{batches * rows:,} rows in {batches} files, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        command = [sys.executable, __file__, "--folder", folder, "--plain"]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        wall, cpu, peak = json.loads(done)
        found = {"plain DuckDB": (Took(wall, cpu), peak)}
        with serving(place / "data") as (process, address):
            found |= asyncio.run(ours(process, address, files, rows))
    print(f"{'':14}{'wall s':>8}{'cpu s':>8}{'peak MB':>9}{'x plain':>9}{'cpu x plain':>13}")
    for name, (took, peak) in found.items():
        ratios = f"{took.wall / wall:9.2f}{took.cpu / cpu:13.2f}"
        print(f"{name:14}{took.wall:8.1f}{took.cpu:8.1f}{peak:9.0f}{ratios}")
    (again, _), (first, _) = found["replay"], found["first time"]
    print(
        f"replay / first time: {again.wall / first.wall:.2f} of the time, {again.cpu / first.cpu:.2f} of the cpu time"
    )
    print(f"load now {os.getloadavg()[0]:.1f}")


def main() -> None:
    """Read the arguments and run."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--batches", type=int, default=50)
    arguments.add_argument("--rows", type=int, default=100_000, help="of one batch")
    arguments.add_argument("--folder", type=Path, help="where the temporary folder goes; it takes 400 bytes a row")
    arguments.add_argument("--plain", action="store_true", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.plain:
        plain(given.folder)
    else:
        compare(given.batches, given.rows, given.folder)


if __name__ == "__main__":
    main()

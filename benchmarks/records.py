"""Reading records against DuckDB itself on the same files: first page, count, NDJSON, and the memory of a stream.

    python benchmarks/records.py --batches 50 --rows 100000

Each figure is the best of some rounds in turn, each side in a process of its own. Answers are compared before any clock
starts. Ours is the engine's part of a query: filter read and compiled, rows found, written as JSON and encoded.
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
from collections.abc import Callable
from pathlib import Path

import duckdb
import orjson

from server.adapters.engine.records.pages import Rows, count_rows, read_page
from server.adapters.engine.records.stream import ndjson
from server.adapters.engine.session import Engine
from server.adapters.engine.source import Source
from server.kernel.fields import Field
from server.kernel.filters import AllOf, Asked, FilterOp, read_filters
from server.kernel.row_schema import read_order, read_projection

MEMORY = "512MB"
COLUMNS = {
    "user_id": ("int", "(hash(i, {b}) % 9000 + 1000)::bigint"),
    "amount": ("decimal(10,2)", "(hash(i, {b}, 1) % 1000000 / 100)::decimal(10, 2)"),
    "country": ("string", "['DE', 'FR', 'IT', 'ES', 'PL', 'NL', 'BE', 'AT'][1 + (hash(i, {b}, 2) % 8)::int]"),
    "paid_at": ("datetime", "timestamptz '2026-01-01 00:00:00+00' + interval (hash(i, {b}, 3) % 10000000) millisecond"),
    "active": ("boolean", "hash(i, {b}, 4) % 2 = 0"),
    "ratio": ("float", "(hash(i, {b}, 5) % 1000000) / 1000003.0::double"),
    "note": ("string", "case when hash(i, {b}, 6) % 5 > 0 then 'note ' || hash(i, {b}, 7) % 100000 || ' of it' end"),
    "day": ("date", "date '2026-01-01' + (hash(i, {b}, 8) % 365)::int"),
}
FIELDS = tuple(Field(name=name, type=kind) for name, (kind, _) in COLUMNS.items())
FILTERS = [
    Asked(field="country", op=FilterOp.EQ, value="DE"),
    Asked(field="amount", op=FilterOp.GT, value=5000),
]
KEPT = "from read_parquet($files) where country = 'DE' and amount > 5000"
PAGE = f"select * {KEPT} order by paid_at desc, _id limit 101"
COUNT = f"select count(*) {KEPT}"
COPY = "copy (from read_parquet($files)) to $target (format json)"


def generate(folder: Path, batches: int, rows: int) -> None:
    """Write the batches' files as an append leaves them."""
    cells = ", ".join(f"{sql} as {name}" for name, (_, sql) in COLUMNS.items())
    with duckdb.connect() as engine:
        engine.execute("set timezone = 'UTC'")
        for batch in range(batches):
            engine.execute(
                f"copy (select 'b{batch:03}-' || lpad(i::varchar, 12, '0') as _id, 'b{batch:03}' as _batch_id,"
                f" timestamptz '2026-01-02 03:04:05+00' as _created_at, {cells.format(b=batch)}"
                f" from range({rows}) rows(i)) to '{folder / f'{batch:03}.parquet'}' (format parquet, compression zstd)"
            )


def sources(folder: Path) -> tuple[Source, ...]:
    """The files as the catalog would name them."""
    counted = duckdb.sql(f"select file_name, num_rows from parquet_file_metadata('{folder}/*.parquet') order by all")
    return tuple(
        Source(path=Path(name), fields=FIELDS, rows=rows, holds=(f"b{Path(name).stem}",))
        for name, rows in counted.fetchall()
    )


class Plain:
    """DuckDB by itself, with the memory and threads of ours."""

    def __init__(self, folder: Path) -> None:
        self._engine = duckdb.connect(config={"memory_limit": MEMORY, "threads": os.cpu_count() or 1})
        self._engine.execute("set timezone = 'UTC'")
        self._files = {"files": [str(source.path) for source in sources(folder)]}
        self._target = folder / "plain.json"

    def page(self) -> list[str]:
        return [row[0] for row in self._engine.execute(PAGE, self._files).fetchall()][:100]

    def count(self) -> int:
        return int(self._engine.execute(COUNT, self._files).fetchall()[0][0])

    def stream(self) -> int:
        self._engine.execute(COPY, self._files | {"target": str(self._target)}).fetchall()
        return self._target.stat().st_size


class Ours:
    """What a query of the graph has done for it."""

    def __init__(self, folder: Path) -> None:
        spill = folder / "spill"
        spill.mkdir(exist_ok=True)
        self._loop = asyncio.new_event_loop()
        self._engine = Engine([folder], MEMORY, os.cpu_count() or 1, spill)
        self._sources = sources(folder)
        self._target = folder / "ours.ndjson"

    def page(self) -> list[str]:
        shown, orders = read_projection(None, FIELDS), read_order([("paid_at", True)], FIELDS)
        work = self._engine.run(lambda cursor: read_page(cursor, self._rows(), shown, orders, 100, None), heavy=False)
        page = self._loop.run_until_complete(work)
        answer = orjson.dumps({"nodes": [orjson.Fragment(text) for text in page.texts]})
        return [row["_id"] for row in orjson.loads(answer)["nodes"]]

    def count(self) -> int:
        return self._loop.run_until_complete(
            self._engine.run(lambda cursor: count_rows(cursor, self._rows()), heavy=False)
        )

    def stream(self) -> int:
        rows = Rows(sources=self._sources, fields=FIELDS, condition=AllOf(conditions=()))
        shown = read_projection(None, FIELDS)

        async def send() -> None:
            with self._target.open("wb") as file:
                async for piece in self._engine.stream(lambda cursor: ndjson(cursor, rows, shown)):
                    file.write(piece)

        self._loop.run_until_complete(send())
        return self._target.stat().st_size

    def _rows(self) -> Rows:
        return Rows(sources=self._sources, fields=FIELDS, condition=read_filters(FILTERS, None, FIELDS))


def measure(side: str, folder: Path, what: str, rounds: int) -> None:
    """In this process: the best time of one kind of read, and what it answers."""
    read: Callable[[], object] = getattr({"plain": Plain, "ours": Ours}[side](folder), what)
    answer = read()  # warm
    best, cpu = float("inf"), float("inf")
    for _ in range(rounds):
        begun, spent = time.perf_counter(), time.process_time()
        read()
        best, cpu = min(best, time.perf_counter() - begun), min(cpu, time.process_time() - spent)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000
    print(json.dumps({"answer": answer, "seconds": best, "cpu": cpu, "peak": peak}))


def compare(batches: int, rows: int, rounds: int, parent: Path | None) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(dir=parent) as large, tempfile.TemporaryDirectory(dir=parent) as small:

        def child(side: str, folder: str, what: str, times: int = rounds) -> dict[str, float]:
            command = [sys.executable, __file__, "--folder", folder, "--measure", f"{side}:{what}:{times}"]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            found: dict[str, float] = json.loads(done)
            return found

        generate(Path(large), batches, rows)
        generate(Path(small), 1, min(rows, 100_000))
        print(f"{batches * rows:,} rows in {batches} files, {os.cpu_count()} cores, best of {rounds}")
        print(f"{'':10}{'plain s':>9}{'ours s':>9}{'ratio':>8}{'plain cpu':>11}{'ours cpu':>10}")
        for what in ("page", "count", "stream"):
            times = rounds if what != "stream" else max(1, rounds // 3)
            plain, ours = child("plain", large, what, times), child("ours", large, what, times)
            if what != "stream":
                assert plain["answer"] == ours["answer"], f"{what}: the answers differ"
            rate = (plain["seconds"] / plain["answer"]) / (ours["seconds"] / ours["answer"]) if what == "stream" else 0
            ratio = rate or ours["seconds"] / plain["seconds"]
            print(
                f"{what:10}{plain['seconds']:9.3f}{ours['seconds']:9.3f}{ratio:8.2f}"
                f"{plain['cpu']:11.3f}{ours['cpu']:10.3f}"
                + (f"  rate in bytes; {ours['answer'] / ours['seconds'] / 1e6:,.0f} MB/s" if rate else "")
            )
        equal_lines(Path(large), batches * rows)
        peaks = [child("ours", folder, "stream", 1)["peak"] for folder in (small, large)]
        print(f"memory of a stream: {peaks[0]:,.0f} MB at {min(rows, 100_000):,} rows, {peaks[1]:,.0f} MB at all")


def equal_lines(folder: Path, rows: int) -> None:
    """Both files hold the same rows."""
    sums = "sum(user_id), sum(amount::decimal(10, 2)), sum(hash(_id)), sum(hash(note))"
    read = f"select count(*), {sums} from read_json_auto"
    plain, ours = (duckdb.sql(f"{read}('{folder / name}')").fetchall() for name in ("plain.json", "ours.ndjson"))
    assert plain == ours, "the streams differ"
    assert plain[0][0] == rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--batches", type=int, default=50)
    parser.add_argument("--rows", type=int, default=100_000, help="of one batch")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="where the temporary folders go; they take some gigabytes")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        side, what, times = given.measure.split(":")
        measure(side, given.folder, what, int(times))
    else:
        compare(given.batches, given.rows, given.rounds, given.folder)


if __name__ == "__main__":
    main()

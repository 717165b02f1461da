"""How fast CSV becomes bronze, beside DuckDB reading the same file with no guard at all.

    python benchmarks/ingest.py [--gigabytes 1] [--runs 1] [--folder FOLDER]

Each measurement runs in a process of its own, in turn with the others; of several runs the fastest counts.
Targets: at least 0.35 times the plain rate, at most 2 times its processor time, and less than 1 GB of memory.
"""

import argparse
import asyncio
import functools
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path

import duckdb

from server.adapters.engine.csv.source import csv_source
from server.adapters.engine.ingest.ingestion import IngestJob, ingest
from server.adapters.engine.ingest.job import BLOCK_BYTES
from server.adapters.engine.ingest.text_file import Reading, TextFile
from server.adapters.engine.session import Engine
from server.kernel.fields import Field
from server.kernel.files import UTF_8

COLUMNS = {
    "id": ("int", "bigint"),
    "token": ("string", "varchar"),
    "email": ("string", "varchar"),
    "remark": ("string", "varchar"),
    "city": ("string", "varchar"),
    "price": ("decimal(18,2)", "decimal(18,2)"),
    "delta": ("float", "double"),
    "flag": ("boolean", "boolean"),
    "day": ("date", "date"),
    "moment": ("datetime", "timestamptz"),
    "score": ("int", "bigint"),
}
FIELDS = tuple(Field(name=name, type=kind) for name, (kind, _) in COLUMNS.items())
BYTES_A_ROW = 191
MEMORY = "512MB"
RAGGED_EVERY, WRONG_EVERY = 20_000, 20_000  # a record too long or too short; a value of another type

GENERATE = f"""
copy (
    select case
        when n % {RAGGED_EVERY} = 777 then concat_ws(',', n, 'too', 'short')
        when n % {RAGGED_EVERY} = 10777 then line || ',too long'
        else line end
    from (
        select n, concat_ws(',',
            case when n % {WRONG_EVERY} = 5777 then 'x' || n else n::varchar end,
            md5(n::varchar),
            name || '.' || (hash(n * 3) % 900000) || '@example.org',
            '"' || name || ' said ""' || city || '"", then ' || left(md5((n * 7)::varchar), 20 + (n % 12)::int) || '"',
            city,
            ((hash(n) % 1000000)::decimal(18, 2) / 100)::decimal(18, 2),
            ((hash(n * 11) % 2000000) / 1000.0 - 500)::decimal(12, 3),
            case when n % 2 = 0 then 'true' else 'false' end,
            date '2020-01-01' + (hash(n) % 1800)::int,
            strftime(timestamp '2024-01-01' + to_seconds((hash(n * 13) % 30000000)::bigint), '%Y-%m-%dT%H:%M:%SZ'),
            case when n % {WRONG_EVERY} = 15777 then '1.7' when n % 5 <> 0 then (hash(n) % 100000)::varchar else '' end
        ) as line
        from (
            select range as n,
                ['Ada', 'Grace', 'Edsger', 'Barbara', 'Zoë', 'Alan', 'Margaret'][1 + (hash(range) % 7)::int] as name,
                ['Amsterdam', 'Bruges', 'Kraków', 'Lisboa', 'Oslo', 'Porto'][1 + (hash(range * 5) % 6)::int] as city
            from range($rows)
        )
    )
) to $target (format csv, header false, quote '', escape '', delim '\x01')
"""


def generate(folder: Path, gigabytes: float) -> None:
    """Write the file: a tenth of a promille of its records are bad, half of them in shape."""
    rows = int(gigabytes * 1_000_000_000 / BYTES_A_ROW)
    with duckdb.connect() as engine:
        body = folder / "body.csv"
        engine.execute(GENERATE, {"rows": rows, "target": str(body)}).fetchall()
    with (folder / "source.csv").open("wb") as target, body.open("rb") as source:
        target.write(",".join(COLUMNS).encode() + b"\n")
        while block := source.read(1 << 22):
            target.write(block)
    body.unlink()


def plain(folder: Path) -> str:
    """DuckDB's own reader, told the types: it rounds, guesses and skips."""
    types = "{" + ", ".join(f"'{name}': '{kind}'" for name, (_, kind) in COLUMNS.items()) + "}"
    with duckdb.connect(config={"memory_limit": MEMORY, "threads": os.cpu_count() or 1}) as engine:
        copied = engine.execute(
            f"copy (select * from read_csv($1, columns = {types}, header = true, auto_detect = false, delim = ',',"
            " quote = '\"', escape = '\"', ignore_errors = true)) to $2 (format parquet, compression zstd)",
            [str(folder / "source.csv"), str(folder / "plain.parquet")],
        ).fetchall()
    return f"{copied[0][0]:,} rows"


def job_in(folder: Path) -> IngestJob:
    """What becomes of the file."""
    return IngestJob(
        fields=FIELDS,
        batch="b1",
        created_at=datetime.now(UTC),
        bronze=folder / "bronze.parquet",
        rejects=folder / "rejects.parquet",
        raw=folder / "raw.csv",
    )


def ours(folder: Path) -> str:
    """The whole way: kept, digested, checked, typed, written, and what does not fit set aside."""
    with Engine([folder], MEMORY, os.cpu_count() or 1, folder / "spill") as engine:
        work = functools.partial(
            ingest, source=folder / "source.csv", job=job_in(folder), progress=lambda rows, share: None
        )
        done = asyncio.run(engine.run(work, heavy=True))
    return f"{done.row_count:,} rows, {done.rejected_row_count:,} rejects"


def reading(folder: Path) -> str:
    """A part of ours: kept, digested, checked, cut into columns of text; nothing typed or written."""
    with (folder / "source.csv").open("rb", buffering=0) as landed, (folder / "kept.csv").open("wb") as kept:
        file = TextFile(landed, kept, None, Reading(kind="CSV", encoding=UTF_8, block_bytes=BLOCK_BYTES))
        source = csv_source(file, job_in(folder), lambda block, first: None, lambda rows, share: None)
        for _ in source.batches():
            continue
    return f"{source.rows:,} records"


def digest(folder: Path) -> str:
    """A part of reading: the digest alone."""
    with (folder / "source.csv").open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()[:12]


MEASURED: dict[str, Callable[[Path], str]] = {"digest": digest, "reading": reading, "plain": plain, "ours": ours}


def measure(name: str, folder: Path) -> None:
    """Run one of MEASURED in this process and print what it took."""
    usage, begun = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    note = MEASURED[name](folder)
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - usage.ru_utime - usage.ru_stime
    print(json.dumps({"name": name, "note": note, "wall": wall, "cpu": cpu, "peak": after.ru_maxrss / 1_000}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where the temporary folder goes; it takes about 4 times the file")
    parser.add_argument("--measure", choices=["generate", *MEASURED], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure == "generate":
        generate(given.folder, given.gigabytes)
    elif given.measure:
        measure(given.measure, given.folder)
    else:
        compare(given.gigabytes, given.runs, given.folder)


def compare(gigabytes: float, runs: int, parent: Path | None) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(dir=parent) as folder:

        def child(name: str) -> str:
            command = [sys.executable, __file__, "--folder", folder, "--gigabytes", str(gigabytes), "--measure", name]
            return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

        child("generate")
        megabytes = (Path(folder) / "source.csv").stat().st_size / 1_000_000
        print(f"{megabytes:,.0f} MB, {len(COLUMNS)} columns, {os.cpu_count()} cores")
        print(f"{'':10}{'wall s':>8}{'cpu s':>8}{'MB/s':>8}{'peak MB':>9}")
        rows = [json.loads(child(name)) for _ in range(runs) for name in MEASURED]
    found = {name: min((row for row in rows if row["name"] == name), key=itemgetter("wall")) for name in MEASURED}
    for name, row in found.items():
        rate = megabytes / row["wall"]
        print(f"{name:10}{row['wall']:8.2f}{row['cpu']:8.2f}{rate:8.0f}{row['peak']:9.0f}  {row['note']}")
    rate, cpu = found["plain"]["wall"] / found["ours"]["wall"], found["ours"]["cpu"] / found["plain"]["cpu"]
    print(f"ours / plain: {rate:.2f} of the rate (target >= 0.35), {cpu:.2f} of the cpu time (target <= 2)")


if __name__ == "__main__":
    main()

"""Erasing one subject from the files of a dataset, beside DuckDB rewriting exactly the files that hold the subject.

    python benchmarks/erasure.py [--batches 50] [--rows 100000] [--holding 23] [--subject-rows 36] [--folder FOLDER]

Each batch has raw (CSV), bronze, silver (one column masked) and gold (a copy of silver), 8 columns. The erasure looks
through all batches and rewrites raw, bronze, silver and gold of those that hold the subject. DuckDB is told which these
are and copies the same files of them with `where`, one statement for each file. Both run in this process, on the same
number of threads, in turns; counted is the processors' time of the whole process. Syncing to the disk is in neither.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import duckdb

from server.adapters.engine.erasure.files import BatchFiles, Targets
from server.adapters.engine.erasure.locate import locate
from server.adapters.engine.erasure.rewrite import rewrite
from server.adapters.engine.erasure.subject import Subject
from server.kernel.fields import Field
from server.kernel.files import FileFormat

SUBJECTS = {"e-mail": "subject77@example.org", "exact": "C-5521-77"}
FIELDS = {
    "id": "int",
    "email": "string",
    "customer": "string",
    "amount": "decimal(18,2)",
    "score": "float",
    "active": "boolean",
    "day": "date",
    "note": "string",
}
CELLS = """
    range as id, 'person' || (hash(range * 5 + $batch) % 900000) || '@example.org' as email,
    'C-' || (hash(range * 7 + $batch) % 9000) || '-' || (range % 90) || 'x' as customer,
    ((hash(range * 11) % 1000000)::decimal(18, 2) / 100)::decimal(18, 2) as amount,
    (hash(range * 13) % 1000001) / 1000000.0::double as score, hash(range * 17) % 2 = 0 as active,
    date '2020-01-01' + (hash(range * 19) % 1800)::int as day,
    ['called back', 'sent the parcel', 'asked for a later day'][1 + (hash(range * 23) % 3)::int] as note
"""
SYSTEM = """
    $name || '-' || substr((1000000000000 + id)::varchar, 2) as _id, $name as _batch_id,
    $at::timestamptz as _created_at
"""
PARQUET = "format parquet, compression zstd"


class Took(NamedTuple):
    """Seconds by the clock and of the processors."""

    wall: float
    cpu: float


def took(work: Callable[[], object]) -> Took:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Took(time.perf_counter() - wall, time.process_time() - cpu)


def make(cursor: duckdb.DuckDBPyConnection, folder: Path, number: int, rows: int, held: list[int]) -> BatchFiles:
    """The files of one batch; the subject stands in the rows `held`."""
    place = folder / f"b{number}"
    place.mkdir()
    cells = f"select {CELLS} from range($rows)"
    marked = "case when list_contains($held, id) then $email else email end as email,"
    marked += " case when list_contains($held, id) then $exact else customer end as customer"
    names = ", ".join(name for name in FIELDS if name not in ("email", "customer"))
    order = ", ".join(FIELDS)
    given = {"rows": rows, "batch": number, "held": held, "email": SUBJECTS["e-mail"], "exact": SUBJECTS["exact"]}
    query = f"create or replace temp table cells as select {order} from (select {names}, {marked} from ({cells}))"
    cursor.execute(query, given)
    cursor.execute("copy cells to $file (format csv, header)", {"file": str(place / "raw.csv")})
    given = {"name": f"b{number}", "at": "2026-01-01T00:00:00Z"}
    bronze = {"file": str(place / "bronze.parquet"), **given}
    silver = {"file": str(place / "silver.parquet"), **given}
    masked = "* replace (left(email, 1) || '***' as email)"
    cursor.execute(f"copy (select {SYSTEM}, * from cells) to $file ({PARQUET}, compression_level 1)", bronze)
    cursor.execute(f"copy (select {SYSTEM}, {masked} from cells) to $file ({PARQUET})", silver)
    (place / "gold.parquet").write_bytes((place / "silver.parquet").read_bytes())
    return BatchFiles(
        raw=place / "raw.csv",
        format=FileFormat.CSV,
        csv=None,
        rejects=None,
        bronze=place / "bronze.parquet",
        silver=place / "silver.parquet",
        gold=place / "gold.parquet",
        samples=(),
        fields=tuple(Field(name=name, type=kind) for name, kind in FIELDS.items()),
    )


def erase(cursor: duckdb.DuckDBPyConnection, batches: list[BatchFiles], subject: Subject, folder: Path) -> list[int]:
    """How many rows went from each batch that held the subject."""
    names = ("raw", "gaps", "rejects", "bronze", "silver", "gold")
    targets = Targets(samples=(), **{name: folder / name for name in names})
    gone: list[int] = []
    for files in batches:
        traces = locate(cursor, files, subject)
        if traces.found:
            gone.append(rewrite(cursor, files, traces, subject, targets).erased_bronze)
    return gone


def copy_all(cursor: duckdb.DuckDBPyConnection, batches: list[BatchFiles], held: list[list[int]], folder: Path) -> None:
    """What DuckDB does for the same files, told where the subject stands."""
    target = str(folder / "copied")
    for files, rows in zip(batches, held, strict=True):
        ids = [f"{files.bronze.parent.name}-{row:012}" for row in rows]
        given = {"source": str(files.raw), "target": target, "rows": [str(row) for row in rows]}
        query = "from read_csv($source, header = true, all_varchar = true) where not list_contains($rows, id)"
        cursor.execute(f"copy ({query}) to $target (format csv, header)", given).fetchall()
        for source, level in ((files.bronze, 1), (files.silver, 3), (files.gold, 3)):
            query = "from read_parquet($source) where not list_contains($ids, _id)"
            write = f"copy ({query}) to $target ({PARQUET}, compression_level {level})"
            cursor.execute(write, {"source": str(source), "target": target, "ids": ids}).fetchall()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=50)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--holding", type=int, default=23)
    parser.add_argument("--subject-rows", type=int, default=36)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as name, duckdb.connect() as cursor:
        folder = Path(name)
        cursor.execute(f"set threads = {asked.threads}")
        cursor.execute("set timezone = 'UTC'")
        held: list[list[int]] = [[] for _ in range(asked.batches)]
        for number in range(asked.subject_rows):
            held[number % asked.holding * asked.batches // asked.holding].append((7_919 * (number + 1)) % asked.rows)
        batches = [make(cursor, folder, number, asked.rows, rows) for number, rows in enumerate(held)]
        print(f"{asked.batches} batches of {asked.rows} rows, the subject in {sum(map(bool, held))} of them")
        for kind, text in SUBJECTS.items():
            compare(cursor, kind, Subject(text=text), batches, held, folder, asked.rounds)


def compare(
    cursor: duckdb.DuckDBPyConnection,
    kind: str,
    subject: Subject,
    batches: list[BatchFiles],
    held: list[list[int]],
    folder: Path,
    rounds: int,
) -> None:
    """Print what both take."""
    concerned = [number for number, rows in enumerate(held) if rows]
    holding, rows = [batches[number] for number in concerned], [held[number] for number in concerned]
    gone: list[int] = []
    works = {
        "locating alone": lambda: [locate(cursor, files, subject) for files in batches],
        "erasure": lambda: gone.extend(erase(cursor, batches, subject, folder)),
        "DuckDB": lambda: copy_all(cursor, holding, rows, folder),
    }
    found = [{name: took(work) for name, work in works.items()} for _ in range(rounds)]
    assert gone == [len(one) for one in rows] * rounds, gone
    for name in works:
        wall, cpu = (statistics.median(one[name][place] for one in found) for place in (0, 1))
        print(f"{kind:8} {name:16} {wall:6.2f} s, {cpu:6.2f} s of processors")
    share = statistics.median(one["erasure"].cpu / one["DuckDB"].cpu for one in found)
    print(f"{kind:8} erasure / DuckDB, processors: {share:.2f}")


if __name__ == "__main__":
    main()

"""How fast ten rules are judged, beside one aggregate query that somebody wrote for DuckDB by hand.

    python benchmarks/quality.py [--rows 5000000] [--runs 3] [--folder FOLDER]

Both judge the same file in processes of their own, in turn; of several runs the fastest counts, and their answers
must be equal. Target: at most 1.3 times the time of the query.
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
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import duckdb

from server.adapters.engine.quality.check import check_quality
from server.adapters.engine.quality.context import RuleContext
from server.adapters.engine.session import Engine
from server.kernel.fields import Field
from server.kernel.quality import QualityRule

NOW = datetime(2024, 12, 31, tzinfo=UTC)
MEMORY = "1GB"
FIELDS = tuple(
    Field(name=name, type=kind)
    for name, kind in {
        "id": "int",
        "email": "string",
        "country": "string",
        "price": "decimal(18,2)",
        "score": "float",
        "active": "boolean",
        "day": "date",
        "moment": "datetime",
    }.items()
)
GENERATE = """
copy (
    select 'b1-' || lpad(range::varchar, 12, '0') as _id, 'b1' as _batch_id,
        timestamptz '2024-01-01 00:00:00Z' as _created_at,
        range as id,
        case when hash(range * 3) % 50 = 0 then null when hash(range * 3) % 5000 = 1 then 'nobody'
            else 'person' || (hash(range * 5) % 900000) || '@example.org' end as email,
        case when hash(range * 7) % 10000 = 0 then 'XX'
            else ['NL', 'BE', 'DE', 'FR', 'PL'][1 + (hash(range * 7) % 5)::int] end as country,
        ((hash(range * 11) % 1000000)::decimal(18, 2) / 100)::decimal(18, 2) as price,
        (hash(range * 13) % 1000001) / 1000000.0::double as score,
        hash(range * 17) % 2 = 0 as active,
        date '2020-01-01' + (hash(range * 19) % 1800)::int as day,
        timestamptz '2024-01-01 00:00:00Z' + to_seconds((hash(range * 23) % 30000000)::bigint) as moment
    from range($rows)
) to $target (format parquet, compression zstd)
"""
RULES = [
    ("id", "unique"),
    ("email", "not null", 0.05),
    ("email", "matches '^[^@ ]+@[^@ ]+[.][a-z]+$'", 0.01),
    ("country", "in ('NL', 'BE', 'DE', 'FR', 'PL')", 0.01),
    ("country", "length = 2"),
    ("price", "between 0 and 9999.99"),
    ("price", "> 0 when active = 'true'", 0.01),
    ("score", "mean between 0.4 and 0.6"),
    ("day", "after '2019-12-31'"),
    ("moment", "freshness <= 30 d"),
]
BY_HAND = """
select count(*),
    (select coalesce(sum(n), 0) from (select count(*) as n from read_parquet($source) group by id having n > 1)),
    count(*) filter (email is null),
    count(*) filter (not regexp_matches(email, '^[^@ ]+@[^@ ]+[.][a-z]+$')),
    count(*) filter (country not in ('NL', 'BE', 'DE', 'FR', 'PL')),
    count(*) filter (length(country) <> 2),
    count(*) filter (price not between 0 and 9999.99),
    count(*) filter (price <= 0 and active),
    case when avg(score) between 0.4 and 0.6 then 0 else count(*) end,
    count(*) filter (day <= date '2019-12-31'),
    case when max(moment) >= timestamptz '2024-12-01 00:00:00Z' then 0 else count(*) end
from read_parquet($source)
"""


class Took(NamedTuple):
    """Seconds by the clock and of the processors."""

    wall: float
    cpu: float


class Clock:
    """What this process takes from now on."""

    def __init__(self) -> None:
        self._begun = Took(time.perf_counter(), time.process_time())

    def took(self) -> Took:
        """Since it was made."""
        return Took(time.perf_counter() - self._begun.wall, time.process_time() - self._begun.cpu)


def generate(folder: Path, rows: int) -> None:
    """Write the batch."""
    with duckdb.connect() as engine:
        engine.execute(GENERATE, {"rows": rows, "target": str(folder / "batch.parquet")}).fetchall()


def by_hand(folder: Path) -> tuple[Took, list[int]]:
    """The query."""
    with duckdb.connect(config={"memory_limit": MEMORY, "threads": os.cpu_count() or 1}) as engine:
        engine.execute("set timezone = 'UTC'")
        clock = Clock()
        found = engine.execute(BY_HAND, {"source": str(folder / "batch.parquet")}).fetchall()
        return clock.took(), [int(figure) for figure in found[0]]


def ours(folder: Path) -> tuple[Took, list[int]]:
    """The check as a worker runs it, samples of failing rows among it; Ibis is loaded by a first check of no rows."""
    rules = [QualityRule(column=column, check=check, threshold=sum(most)) for column, check, *most in RULES]
    context = RuleContext(now=NOW, batch="b1")
    generate_empty(folder)
    with Engine([folder], MEMORY, os.cpu_count() or 1, folder / "spill") as engine:

        async def judged(name: str) -> tuple[Took, list[int]]:
            clock = Clock()
            found = await engine.run(
                lambda cursor: check_quality(cursor, folder / name, FIELDS, rules, context=context), heavy=True
            )
            return clock.took(), [found.checked_rows, *(result.failed_rows for result in found.results)]

        async def main() -> tuple[Took, list[int]]:
            await judged("empty.parquet")
            return await judged("batch.parquet")

        return asyncio.run(main())


def generate_empty(folder: Path) -> None:
    """A batch of no rows."""
    with duckdb.connect() as engine:
        engine.execute(GENERATE, {"rows": 0, "target": str(folder / "empty.parquet")}).fetchall()


MEASURED: dict[str, Callable[[Path], tuple[Took, list[int]]]] = {"by hand": by_hand, "ours": ours}


def measure(name: str, folder: Path) -> None:
    """Run one of MEASURED in this process and print what it took."""
    took, figures = MEASURED[name](folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000
    print(json.dumps({"name": name, "figures": figures, **took._asdict(), "peak": peak}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the temporary folder goes; it takes 50 bytes a row")
    parser.add_argument("--measure", choices=MEASURED, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        measure(given.measure, given.folder)
    else:
        compare(given.rows, given.runs, given.folder)


def compare(rows: int, runs: int, parent: Path | None) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(dir=parent) as folder:

        def child(name: str) -> str:
            command = [sys.executable, __file__, "--folder", folder, "--measure", name]
            return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

        generate(Path(folder), rows)
        found = [json.loads(child(name)) for _ in range(runs) for name in MEASURED]
    assert all(one["figures"] == found[0]["figures"] for one in found), found
    print(f"{rows:,} rows, {len(RULES)} rules, {os.cpu_count()} cores; failing rows: {found[0]['figures'][1:]}")
    best = {name: min((one for one in found if one["name"] == name), key=itemgetter("wall")) for name in MEASURED}
    print(f"{'':10}{'wall s':>8}{'cpu s':>8}{'peak MB':>9}")
    for name, one in best.items():
        print(f"{name:10}{one['wall']:8.2f}{one['cpu']:8.2f}{one['peak']:9.0f}")
    wall, cpu = (best["ours"][unit] / best["by hand"][unit] for unit in ("wall", "cpu"))
    print(f"ours / by hand: {wall:.2f} of the time (target <= 1.3), {cpu:.2f} of the cpu time")


if __name__ == "__main__":
    main()

"""How long it takes to read the columns of a statement, and to make and walk the graph of columns.

    python benchmarks/columns.py [--edges 10000] [--columns 10]

The statements are the 22 queries of TPC-H, each read warm, in this process, for the widest table that it names. The
graph is of edges in layers, each with `--columns` links.
"""

import argparse
import asyncio
import random
import re
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import sqlglot

sys.path.insert(0, str(Path(__file__).parents[1]))

from server.adapters.side_process.process import SideProcess
from server.adapters.sql_columns.ask import ask, ready
from server.adapters.sql_columns.question import Question, Read, Table
from server.kernel.lineage import LineageDirection
from server.kernel.recorded import FOREVER
from server.mesh.lineage.columns.links import ColumnLinks, Spell
from server.mesh.lineage.columns.walk import affected, walk
from tests.adapters.sql_columns.tpch_tables import QUERIES, TABLES

ROUNDS = 20
LAYERS = 10


def milliseconds(work: Callable[[], object]) -> float:
    """How long a call takes."""
    begun = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begun)


def told(name: str, each: Sequence[float]) -> None:
    """A line of figures."""
    cuts = statistics.quantiles(each, n=100, method="inclusive")
    print(f"{name:<40} p50 {cuts[49]:8.2f} ms   p99 {cuts[98]:8.2f} ms   max {max(each):8.2f} ms")


def questions() -> list[Question]:
    """Each query with the table of most columns that it reads as its source."""
    found: list[Question] = []
    for name, query in QUERIES.items():
        read = (table for table in TABLES.values() if re.search(rf"\b{table.name}\b", query))
        source = max(read, key=lambda table: len(table.columns))
        others = {other.name: other for other in TABLES.values() if other is not source}
        columns = _outputs(name)
        target = Table(name="result", columns=columns)
        found.append(Question(sql=query, dialect="duckdb", source=source, target=target, others=others))
    return found


def _outputs(name: str) -> tuple[str, ...]:
    query = sqlglot.parse_one(QUERIES[name], dialect="duckdb")
    assert isinstance(query, sqlglot.exp.Query), "they are SELECTs"
    return tuple(query.named_selects)


async def side() -> None:
    """The process beside the server: its start, and a statement when it is warm."""
    question = questions()[0]
    beside = SideProcess()
    begun = time.perf_counter()
    await beside.run(ready, seconds=60)
    print(f"start of the side process with its reader: {1000 * (time.perf_counter() - begun):.0f} ms")
    taken: list[float] = []
    for _ in range(200):
        begun = time.perf_counter()
        assert isinstance(await beside.run(ask, question, seconds=2), Read)
        taken.append(1000 * (time.perf_counter() - begun))
    told("the first query, through the side process", taken)
    await beside.stop()


def graph(edges: int, columns: int) -> None:
    """The graph of columns, made, brought up to one more edge, and walked."""
    chance = random.Random(1)
    each = edges // LAYERS // 2
    names = [[f"dataset:{layer}-{number}" for number in range(each)] for layer in range(LAYERS + 1)]
    spells: list[Spell] = []
    layers = [layer for layer in range(LAYERS) for _ in range(2 * each)]
    pairs = {(layer, chance.randrange(each), chance.randrange(each)) for layer in layers}
    for position, (layer, source, target) in enumerate(sorted(pairs), 1):
        links = [
            {"target": f"c{number}", "sources": [f"c{chance.randrange(columns)}"], "indirect": []}
            for number in range(columns)
        ]
        spells.append(Spell(names[layer][source], names[layer + 1][target], links, position, FOREVER))
    head = len(spells)
    made: list[ColumnLinks] = []
    taken = milliseconds(lambda: made.append(ColumnLinks(spells)))
    print(f"made of {head} edges with {columns} columns each: {taken:.0f} ms")
    one = Spell("dataset:0-0", "dataset:new", spells[0].columns, head + 1, FOREVER)
    print(f"brought up to one more edge: {milliseconds(lambda: made[0].follow([one], head)):.2f} ms")
    starts = [chance.choice(names[0]) for _ in range(300)]
    at = head + 1
    down = LineageDirection.DOWNSTREAM
    told("columnLineage downstream", [milliseconds(lambda a=a: walk(made[0].graph, a, "c0", down, at)) for a in starts])
    told("impact of one column", [milliseconds(lambda a=a: affected(made[0].graph, a, ["c0"], at)) for a in starts])


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edges", type=int, default=10_000)
    parser.add_argument("--columns", type=int, default=10)
    given = parser.parse_args()
    asked = questions()
    for question in asked:
        assert isinstance(ask(question), Read), question.sql
    told("22 queries", [milliseconds(lambda q=q: ask(q)) for _ in range(ROUNDS) for q in asked])
    asyncio.run(side())
    graph(given.edges, given.columns)


if __name__ == "__main__":
    main()

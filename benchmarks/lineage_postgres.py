"""The lineage graph in memory beside Postgres: loading it, catching up with the log, and what the database answers.

    python benchmarks/lineage_postgres.py [--assets 100000] [--roots 300]

The mesh of lineage_mesh.py stands in the real tables of an embedded Postgres in a temporary folder. Every answer is
compared with that of the recursive query before anything is timed. Targets: loading in at most 1/5 of the time that
NetworkX takes; catching up with nothing new at most 2 times `select 1`; a whole closure at p90 in at most 1/30 of the
recursive query; as of an earlier position at most 2 times now, for answers of up to 64 assets.
"""

import argparse
import asyncio
import gc
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import asyncpg
import networkx as nx
import numpy as np
import uvloop
from lineage_mesh import mesh, roots_by_answer
from lineage_tables import fill, register

from server.adapters.lineage.graph import LineageGraph, Way
from server.database import open_database
from server.mesh.lineage.following.follower import LineageFollower
from server.mesh.lineage.following.loading import load
from server.settings import Settings

SMALL = 64  # assets of an answer that counts as small
REACHED = """
with recursive reached (asset) as (
  select target_number from lineage_edge where source = $1 and valid_to = 9223372036854775807
  union
  select e.target_number from reached r join lineage_asset a on a.number = r.asset
    join lineage_edge e on e.source = a.urn and e.valid_to = 9223372036854775807
) select asset from reached
"""


class Spread(NamedTuple):
    """Seconds: at the median, the 90th and the 99th percentile."""

    p50: float
    p90: float
    p99: float

    @classmethod
    def of(cls, seconds: list[float]) -> "Spread":
        """Of so many measurements."""
        return cls(*(float(value) for value in np.percentile(seconds, (50, 90, 99))))


async def timed(once: Callable[[], Awaitable[object]], times: int) -> list[float]:
    """Seconds of each call, once all is warm."""
    for _ in range(max(times // 10, 3)):
        await once()
    found = []
    for _ in range(times):
        begun = time.perf_counter()
        await once()
        found.append(time.perf_counter() - begun)
    return found


def line(name: str, spread: Spread, peer: Spread | None = None) -> None:
    """Print microseconds, and how they compare."""
    beside = "" if peer is None else "".join(f"{mine / other:9.3f}" for mine, other in zip(spread, peer, strict=True))
    print(f"{name:44}" + "".join(f"{seconds * 1e6:11,.1f}" for seconds in spread) + beside)


async def loading(pool: asyncpg.Pool) -> None:
    """Ours and NetworkX, each from the tables."""

    async def ours() -> None:
        await load(pool)

    async def theirs() -> None:
        rows = await pool.fetch("select source, target, kind, confidence from lineage_edge")
        graph = nx.DiGraph()
        graph.add_edges_from((r[0], r[1], {"kind": r[2], "confidence": r[3]}) for r in rows)

    found = {name: [await lasted(once) for _ in range(3)] for name, once in (("ours", ours), ("networkx", theirs))}
    wall, spent = ({name: min(each[part] for each in runs) for name, runs in found.items()} for part in (0, 1))
    print(f"\n{'cold load, best of 3':44}{'seconds':>11}{'processor':>11}")
    for name in found:
        print(f"{name:44}{wall[name]:11.2f}{spent[name]:11.2f}")
    ratios = [each["ours"] / each["networkx"] for each in (wall, spent)]
    print(f"{'ratio (target 0.2)':44}{ratios[0]:11.2f}{ratios[1]:11.2f}")


async def lasted(once: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Seconds of one call, and processor seconds of this process in it."""
    begun, spent = time.perf_counter(), time.process_time()
    await once()
    return time.perf_counter() - begun, time.process_time() - spent


async def catching_up(pool: asyncpg.Pool, connection: asyncpg.Connection, assets: int) -> None:
    """A statement that does nothing, then catching up with more and more news."""
    follower = LineageFollower(pool)
    await follower.start()
    await follower.now()
    print(f"\n{'catching up, microseconds':44}{'p50':>11}{'p90':>11}{'p99':>11}{'ratio to select 1':>27}")
    nothing: list[float] = []
    still: list[float] = []
    for _ in range(5):  # in turns, so that both meet the same machine
        nothing += await timed(lambda: pool.fetchval("select 1"), 400)
        still += await timed(follower.now, 400)
    line("select 1", one := Spread.of(nothing))
    line("nothing new (target 2 at p50)", Spread.of(still), one)
    random = np.random.default_rng(7)
    for count in (1, 100, 1_000):
        found: list[tuple[float, float]] = []
        for _ in range(12):
            graph = await follower.now()
            fresh: set[tuple[int, int]] = set()
            while len(fresh) < count:
                source, target = map(int, random.integers(0, assets, 2))
                if graph.edge(source, target) is None and source != target:
                    fresh.add((source, target))
            await register(connection, sorted(fresh))
            size = graph.size()
            found.append(await lasted(follower.now))
            assert graph.size() == size + count
        processor = float(np.median([spent for _, spent in found])) * 1e6
        line(f"{count} new edges, {processor:,.0f} of processor", Spread.of([wall for wall, _ in found]), one)


async def closures(pool: asyncpg.Pool, connection: asyncpg.Connection, graph: LineageGraph, roots: int) -> None:
    """All that an asset feeds: ours and the recursive query, then as of an earlier position."""
    now = graph.at(graph.position)
    assets = int(await pool.fetchval("select count(*) from lineage_asset"))
    sizes = np.array([len(now.closure(number, Way.DOWN)) for number in range(assets)])
    chosen = [int(root) for root in roots_by_answer(sizes, roots)]
    asked = await connection.prepare(REACHED)
    sent = {root: graph.urn(root) for root in chosen}
    for root in chosen:
        assert {row[0] for row in await asked.fetch(sent[root])} - {root} == set(map(int, now.closure(root, Way.DOWN)))
    print(f"\n{'closure, microseconds':44}{'p50':>11}{'p90':>11}{'p99':>11}{'ratio to the query':>27}")
    theirs = [(await lasted(lambda root=root: asked.fetch(sent[root])))[0] for root in chosen]
    line(f"recursive query, {len(chosen)} roots", query := Spread.of(theirs))
    line(
        "ours (target 1/30 = 0.033 at p90)", Spread.of([walked(graph, graph.position, root) for root in chosen]), query
    )
    small = [root for root in chosen if 0 < sizes[root] <= SMALL]
    before = graph.last_change - 1
    title = f"answers of 1 to {SMALL} assets, microseconds"
    print(f"\n{title:44}{'p50':>11}{'p90':>11}{'p99':>11}{'ratio to now':>27}")
    line(f"now, {len(small)} roots", live := Spread.of([walked(graph, graph.position, root) for root in small]))
    line("as of an earlier position (target 2)", Spread.of([walked(graph, before, root) for root in small]), live)


def walked(graph: LineageGraph, position: int, root: int) -> float:
    """Seconds of one closure, the best of five."""
    best = 1.0
    for _ in range(5):
        begun = time.perf_counter()
        graph.at(position).closure(root, Way.DOWN)
        best = min(best, time.perf_counter() - begun)
    return best


async def compare(assets: int, roots: int) -> None:
    """Print all figures."""
    made = mesh(assets)
    with tempfile.TemporaryDirectory() as folder:
        async with open_database(Settings(data_dir=Path(folder))) as database:
            connection = await asyncpg.connect(database.dsn)
            await fill(connection, made)
            print(f"{len(made.urns):,} assets, {len(made.edges.source):,} edges")
            await loading(database.pool)
            graph = (await load(database.pool)).graph
            await closures(database.pool, connection, graph, roots)
            await catching_up(database.pool, connection, len(made.urns))
            await connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--assets", type=int, default=100_000)
    parser.add_argument("--roots", type=int, default=300)
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(compare(given.assets, given.roots))
    gc.unfreeze()  # or the libraries count what was frozen as lost


if __name__ == "__main__":
    main()

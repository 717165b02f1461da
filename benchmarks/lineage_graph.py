"""Lineage through the whole server: HTTP, GraphQL, the graph in memory and Postgres behind it.

    python benchmarks/lineage_graph.py [--assets 100000] [--seconds 5]

A server process answers on an embedded Postgres in a temporary folder that holds the mesh of lineage_mesh.py. Asked are
neighbourhoods of about 100 assets within 3 hops, with names and edges; then edges are registered, each with its check
for a loop; then the largest answer that the server gives, while another client asks next to nothing all the time: its
longest wait is how long the server stood still. The number of SQL statements is counted in this process and must be
the same for small and large answers.
"""

import argparse
import asyncio
import gc
import itertools
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import asyncpg
import mutation
import numpy as np
import uvloop
from lineage_mesh import Mesh, mesh
from lineage_tables import fill
from sqlalchemy import event

from graphql_schema.schema import build_schema
from server.adapters.lineage.graph import LineageGraph, Way
from server.assembly.assembled import assemble
from server.database import Database, open_database
from server.http.graphql.limits import Limits
from server.mesh.lineage.following.loading import load
from server.settings import Settings

AROUND = """query Around($of: ID!) { lineage(of: $of, depth: 3) { totalAssets complete
  nodes { depth confidence asset { id name } }
  edges { id lineageType confidence transformation source { name } target { name } } } }"""
ALL = """query All($of: ID!) { lineage(of: $of, direction: DOWNSTREAM) { totalAssets truncatedBecause
  nodes { depth confidence asset { id name } } edges { id confidence } } }"""
REGISTER = """mutation Register($input: RegisterLineageInput!) { registerLineage(input: $input) { edge { id } } }"""
NEAR = range(80, 121)  # assets of a neighbourhood that counts as one of 100
HOPS = 3
MANY = 16

# The body of the next request.
Ask = Callable[[], bytes]


class Rate(NamedTuple):
    """Answers a second, and milliseconds for one of them: at the median and at the 99th percentile."""

    rate: float
    p50: float
    p99: float


def body(query: str, **variables: object) -> bytes:
    """A request."""
    return json.dumps({"query": query, "variables": variables}).encode()


async def doors(address: str, clients: int) -> list[mutation.Door]:
    """A connection for each client."""
    parts = urlsplit(address)
    return [mutation.Door(*await asyncio.open_connection(parts.hostname, parts.port)) for _ in range(clients)]


async def paced(address: str, ask: Ask, clients: int, seconds: float) -> Rate:
    """What clients get that wait for each answer, once all is warm."""
    waits: list[float] = []

    async def client(door: mutation.Door, until: float) -> None:
        while (begun := time.perf_counter()) < until:
            answer = await door.ask("/graphql", ask())
            waits.append(time.perf_counter() - begun)
            assert b'"errors"' not in answer, answer

    opened = await doors(address, clients)
    await asyncio.gather(*(client(door, time.perf_counter() + seconds / 4) for door in opened))
    waits.clear()
    begun = time.perf_counter()
    await asyncio.gather(*(client(door, begun + seconds) for door in opened))
    p50, p99 = np.percentile(waits, (50, 99))
    return Rate(len(waits) / (time.perf_counter() - begun), p50 * 1e3, p99 * 1e3)


async def standstill(address: str, asked: bytes) -> tuple[float, float, int]:
    """Seconds of one answer, the longest that a small query waited meanwhile, and the assets in the answer."""
    large, small = await doors(address, 2)
    waits: list[float] = []
    answering = asyncio.create_task(large.ask("/graphql", asked))
    begun = time.perf_counter()
    while not answering.done():
        since = time.perf_counter()
        await small.ask("/graphql", body(mutation.NOTHING))
        waits.append(time.perf_counter() - since)
    seconds = time.perf_counter() - begun
    found = json.loads(await answering)["data"]["lineage"]
    return seconds, max(waits), len(found["nodes"])


async def statements(database: Database, folder: Path, roots: list[str]) -> list[int]:
    """How many SQL statements each of the neighbourhoods takes."""
    sent: list[str] = []
    event.listen(database.engine.sync_engine, "before_cursor_execute", lambda *given: sent.append(given[2]))
    pool = await asyncpg.create_pool(database.dsn, min_size=1, init=lambda c: logged(c, sent))
    counted = Database(
        dsn=database.dsn, listen_dsn=database.dsn, pool=pool, engine=database.engine, label=database.label
    )
    schema = build_schema(Limits(cost=10_000_000))
    async with pool, assemble(Settings(data_dir=folder, max_lineage_entries=10_000_000), counted) as parts:
        await parts.follower.start()
        await parts.follower.now()
        found = []
        for root in roots:
            sent.clear()
            context = mutation.operation(parts.mesh)
            answer = await schema.execute(AROUND, variable_values={"of": root}, context_value=context)
            assert answer.errors is None, answer.errors
            found.append(len(sent))
        return found


async def logged(connection: asyncpg.Connection, sent: list[str]) -> None:
    """Have the connection tell its statements."""
    connection.add_query_logger(lambda one: sent.append(one.query))


def neighbourhoods(graph: LineageGraph, assets: int, sizes: range, count: int) -> list[str]:
    """Assets with so many others within three hops."""
    view = graph.at(graph.position)
    found = []
    for number in map(int, np.random.default_rng(3).permutation(assets)):
        around = [set(view.reach(number, way, hops=HOPS).numbers) for way in Way]
        if len(set.union(*around)) in sizes:
            found.append(graph.urn(number))
        if len(found) == count:
            break
    return found


def widest(graph: LineageGraph, assets: int) -> str:
    """The asset that feeds most."""
    view = graph.at(graph.position)
    sample = range(0, assets, max(assets // 5_000, 1))
    return graph.urn(max(sample, key=lambda number: len(view.closure(number, Way.DOWN))))


async def through(address: str, made: Mesh, roots: list[str], hub: str, seconds: float) -> None:
    """Print what the server does."""
    print(f"\n{'through HTTP':52}{'per s':>8}{'p50 ms':>9}{'p99 ms':>9}")
    asked = itertools.cycle([body(AROUND, of=root) for root in roots])
    for clients in (1, MANY):
        line(
            f"~100 assets within {HOPS} hops, {clients} clients", await paced(address, asked.__next__, clients, seconds)
        )
    random, numbers = np.random.default_rng(5), itertools.count()

    def edge() -> bytes:
        source = made.urns[int(random.integers(0, len(made.urns)))]
        target = f"external:benchmark/{next(numbers)}"
        return body(REGISTER, input={"source": source, "target": target})

    def pair() -> bytes:
        source, target = (made.urns[int(one)] for one in random.choice(len(made.urns), 2, replace=False))
        return body(REGISTER, input={"source": source, "target": target, "allowCycle": True})

    for clients in (1, MANY):
        line(f"registerLineage between datasets, {clients} clients", await paced(address, pair, clients, seconds))
    line(f"registerLineage to a new external, {MANY} clients", await paced(address, edge, MANY, seconds))
    for direction in range(2):
        took, still, assets = await standstill(address, body(ALL, of=hub))
        if direction:  # once all is warm
            print(f"\n{assets:,} assets in one answer: {took:.2f} s; a small query waited {still * 1e3:.0f} ms at most")


def line(name: str, rate: Rate) -> None:
    """Print one figure."""
    print(f"{name:52}{rate.rate:8,.0f}{rate.p50:9.1f}{rate.p99:9.1f}")


async def prepare(database: Database, made: Mesh) -> LineageGraph:
    """The mesh in the tables, and its graph."""
    connection = await asyncpg.connect(database.dsn)
    await fill(connection, made)
    await connection.close()
    return (await load(database.pool)).graph


async def compare(assets: int, seconds: float) -> None:
    """Print all figures."""
    made = mesh(assets)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with open_database(Settings(data_dir=folder)) as database:
            graph = await prepare(database, made)
            print(f"{len(made.urns):,} assets, {graph.size():,} edges")
            roots = neighbourhoods(graph, len(made.urns), NEAR, 40)
            few = neighbourhoods(graph, len(made.urns), range(2, 6), 3)
            hub = widest(graph, len(made.urns))
            counted = await statements(database, folder, [*few, *roots[:3]])
            assert len(set(counted)) == 1, counted
            print(f"{counted[0]} SQL statements for 2 to 5 assets as for ~100")
            os.environ |= {"MAX_LINEAGE_ENTRIES": "10000000", "MAX_COST": "10000000", "LOG_LEVEL": "WARNING"}
            with mutation.server(database.dsn, folder) as (_, address):
                await through(address, made, roots, hub, seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--assets", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=5.0)
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(compare(given.assets, given.seconds))
    gc.unfreeze()  # or the libraries count what was frozen as lost


if __name__ == "__main__":
    main()

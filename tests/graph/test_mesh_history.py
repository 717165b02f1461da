"""A random life of the mesh on two servers: every position shows later, anew and rebuilt what it showed then."""

import asyncio
import random
from typing import Any, TypeAlias

import asyncpg
import pytest

from server.adapters.postgres.connections import open_engine
from server.adapters.postgres.migrate import migrate
from server.adapters.store.rebuild import rebuild
from server.mesh.slices import CODEC, PROJECTIONS, TABLES
from tests.graph.conftest import Graph, Opened
from tests.graph.mesh_life import AT, SEEN, MeshLife

STEPS, LOOKED_AT = 90, 20
ROOT, LEAF = "external:erp/E1", "external:erp/e2"
FIELDS = f"""{SEEN.removeprefix("position")}
  lineage(of: "{ROOT}") {{ position nodes {{ asset {{ id name }} depth }} edges {{ id confidence }} }}
  lineagePaths(from: "{ROOT}", to: "{LEAF}", first: 3) {{ confidence edges {{ id }} }}
  columnLineage(of: "{ROOT}", column: "id", direction: DOWNSTREAM) {{ complete nodes {{ asset {{ id }} column }} }}
  lineageDiagram(of: "{ROOT}")"""

Rows: TypeAlias = dict[str, list[dict[str, Any]]]


@pytest.mark.parametrize("seed", range(2))
async def test_every_position_shows_for_ever_what_it_showed_at_its_time(
    opened: Opened, database_url: str, seed: int
) -> None:
    graphs = (await opened(), await opened())
    life = MeshLife(graphs, random.Random(seed))
    for _ in range(STEPS):
        await life.step()
    positions = life.source.sample(sorted(life.seen), LOOKED_AT)
    for graph in (*graphs, await opened()):
        assert await mistaken(graph, life.seen, positions) == []
    connection = await asyncpg.connect(database_url)
    before = await rows(connection)
    assert all(before[name] for name in ("domain", "product", "dataset", "lineage_edge", "external_asset"))
    await rebuild(connection, CODEC, PROJECTIONS, TABLES)
    assert await rows(connection) == before
    for graph in (graphs[0], await opened()):
        assert await mistaken(graph, life.seen, positions) == []
    await connection.close()


async def test_a_life_that_was_taken_back_to_before_the_mesh_is_told_again(opened: Opened, database_url: str) -> None:
    life = MeshLife((await opened(),), random.Random(7))
    for _ in range(STEPS // 2):
        await life.step()
    connection = await asyncpg.connect(database_url)
    before = await rows(connection)
    engine = open_engine(database_url)
    await migrate(engine, "-2")  # back to 0004
    assert await connection.fetchval("select to_regclass('lineage_edge')") is None
    await migrate(engine)
    await engine.dispose()
    await connection.reload_schema_state()
    await rebuild(connection, CODEC, PROJECTIONS, TABLES)
    assert await rows(connection) == before
    await connection.close()


async def test_all_fields_of_an_operation_are_about_one_position_while_others_write(opened: Opened) -> None:
    graphs = (await opened(), await opened())
    lives = [MeshLife((graph,), random.Random(number)) for number, graph in enumerate(graphs)]
    await lives[0].do("createDomain", name="sales", owner="a")
    assert await lives[0].do("registerLineage", source=ROOT, target=LEAF)
    done = asyncio.Event()

    async def write(life: MeshLife) -> None:
        while not done.is_set():
            await life.ask_for_something()

    async with asyncio.TaskGroup() as writers:
        for life in lives:
            writers.create_task(write(life))
        seen = [await graphs[number % 2].ask(f"{{ {FIELDS} }}") for number in range(25)]
        done.set()
    positions = {shown["lineage"]["position"] for shown in seen}
    assert len(positions) > 5
    then = f"query ($position: BigInt!) {{ catalog(atPosition: $position) {{ {FIELDS} }} }}"
    for number, shown in enumerate(seen):
        later = await graphs[1 - number % 2].ask(then, position=shown["lineage"]["position"])
        assert shown == later["catalog"]


async def mistaken(graph: Graph, seen: dict[int, Any], positions: list[int]) -> list[int]:
    """The positions that do not show what was seen there."""
    return [position for position in positions if (await graph.ask(AT, position=position))["catalog"] != seen[position]]


async def rows(connection: asyncpg.Connection) -> Rows:
    """Every row of every read table, and the numbers of assets."""
    found: Rows = {"lineage_asset": [dict(row) for row in await connection.fetch("table lineage_asset")]}
    for table in TABLES:
        name = str(table.__tablename__)
        ordered = await connection.fetch(f"select * from {name} order by id, valid_from")  # names are ours
        found[name] = [dict(row) for row in ordered]
    return found

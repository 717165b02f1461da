"""A random life of products and lineage: at every position the graph is what a plain model says, and so is SQL."""

import random
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pytest

from server.adapters.lineage.graph import Way
from server.adapters.postgres.connections import open_pool
from server.mesh.lineage.following.follower import LineageFollower
from tests.graph.conftest import Graph
from tests.graph.lineages import around, draw, external, unlink
from tests.mesh.lineage.following.mesh_log import reached_in_sql

PRODUCTS = [f"p{number}" for number in range(5)]
EXTERNALS = [f"external:erp/e{number}" for number in range(4)]
TYPES = ("DIRECT", "DERIVED", "AGGREGATED")
AT = """query($position: BigInt!, $of: ID!) { catalog(atPosition: $position) {
  lineageEdges(first: 500) { totalCount nodes { source { id } target { id } lineageType confidence } }
  lineage(of: $of, direction: DOWNSTREAM) { position nodes { asset { id } depth } }
} }"""

# (source, target) -> (type, confidence)
Edges: TypeAlias = dict[tuple[str, str], tuple[str, float]]


def depths(edges: Edges, root: str) -> dict[str, int]:
    """How far away each asset is that the root feeds."""
    found, nearer = {root: 0}, [root]
    while nearer:
        further = [target for one in nearer for source, target in edges if source == one and target not in found]
        found |= dict.fromkeys(further, found[nearer[0]] + 1)
        nearer = list(dict.fromkeys(further))
    del found[root]
    return found


@dataclass
class Life:
    """What was asked for and what must have come of it. `past`: position -> products and edges."""

    graph: Graph
    source: random.Random
    products: set[str] = field(default_factory=set)
    edges: Edges = field(default_factory=dict)
    past: dict[int, tuple[set[str], Edges]] = field(default_factory=dict)

    async def step(self) -> None:
        """Something happens that may happen."""
        gone = sorted(set(PRODUCTS) - self.products)
        choice = self.source.random()
        if gone and choice < 0.2:
            await self.found(self.source.choice(gone))
        elif self.products and choice < 0.3:
            await self.delete(self.source.choice(sorted(self.products)))
        elif self.edges and choice < 0.45:
            await self.remove(self.source.choice(sorted(self.edges)))
        else:
            ends = self.source.sample([*(f"product:{name}" for name in sorted(self.products)), *EXTERNALS], 2)
            await self.register((ends[0], ends[1]))

    async def found(self, name: str) -> None:
        await self._do("registerDataProduct", name=name, domain="sales", owner="ann", schema={"id": "int"})
        self.products.add(name)
        await self._remember()

    async def delete(self, name: str) -> None:
        """A product goes with all of its edges."""
        await self._do("deleteDataProduct", name=name)
        self.products.remove(name)
        self.edges = {ends: said for ends, said in self.edges.items() if f"product:{name}" not in ends}
        await self._remember()

    async def remove(self, ends: tuple[str, str]) -> None:
        await self._do("removeLineage", source=ends[0], target=ends[1])
        self.edges = {others: said for others, said in self.edges.items() if others != ends}
        await self._remember()

    async def register(self, ends: tuple[str, str]) -> None:
        """Register or change an edge; one that would close a loop is refused."""
        said = (self.source.choice(TYPES), self.source.choice([1.0, 0.9, 0.5]))
        given = {"source": ends[0], "target": ends[1], "lineageType": said[0], "confidence": said[1]}
        if ends not in self.edges and ends[0] in depths(self.edges, ends[1]):
            code, _ = await self.graph.refused(document("registerLineage"), input=given)
            assert code == "PRECONDITION_FAILED"
            return
        await self._do("registerLineage", **given)
        self.edges = self.edges | {ends: said}
        await self._remember()

    async def _do(self, mutation: str, **given: Any) -> None:
        await self.graph.ask(document(mutation), input=given)

    async def _remember(self) -> None:
        position = await self.graph.parts.mesh.events.head()
        self.past[position] = (set(self.products), self.edges)


def document(mutation: str) -> str:
    kind = f"{mutation[0].upper()}{mutation[1:]}Input"
    return f"mutation($input: {kind}!) {{ {mutation}(input: $input) {{ events {{ type }} }} }}"


@pytest.mark.parametrize("seed", range(3))
async def test_every_position_shows_what_a_model_says_of_it(graph: Graph, database_url: str, seed: int) -> None:
    await graph.ask(
        document("createDomain"), input={"name": "sales", "owner": "ann", "description": "Whatever is sold."}
    )
    life = Life(graph, random.Random(seed))
    for _ in range(60):
        await life.step()
    assert sum(len(products) < len(PRODUCTS) for products, _ in life.past.values()) > 3
    pool = await open_pool(database_url, size=2)
    fresh = await LineageFollower(pool).now()
    followed = await graph.parts.follower.now()
    for position in life.source.sample(sorted(life.past), 8):
        _, edges = life.past[position]
        in_sql = await reached_in_sql(pool, position)
        for one in (fresh, followed):
            view = one.at(position)
            assert {
                urn: {one.urn(number) for number in view.closure(one.number(urn) or 0, Way.DOWN)} for urn in in_sql
            } == in_sql
        assert {urn: set(depths(edges, urn)) for urn in in_sql} == in_sql
        if edges:
            root = life.source.choice(sorted(edges))[0]
            shown = (await graph.ask(AT, position=position, of=root))["catalog"]
            assert shown["lineageEdges"]["totalCount"] == len(edges)
            assert edges == {
                (node["source"]["id"], node["target"]["id"]): (node["lineageType"], node["confidence"])
                for node in shown["lineageEdges"]["nodes"]
            }
            assert shown["lineage"]["position"] == position
            assert depths(edges, root) == {node["asset"]["id"]: node["depth"] for node in shown["lineage"]["nodes"]}
    await pool.close()


async def test_an_operation_keeps_its_position_while_the_graph_moves_on(graph: Graph) -> None:
    await draw(graph, "a>b")
    context = graph.context(graph.admin)
    pinned = await context.now()
    await draw(graph, "b>c", "x>a")
    await unlink(graph, external("a"), external("b"))
    assert (await around(graph, "a"))["nodes"] == ["x -1 1"]
    query = f'{{ lineage(of: "{external("a")}") {{ position nodes {{ asset {{ id }} depth }} }} }}'
    result = await graph.schema.execute(query, context_value=context)
    assert result.errors is None
    assert result.data == {
        "lineage": {"position": pinned, "nodes": [{"asset": {"id": external("b")}, "depth": 1}]},
    }

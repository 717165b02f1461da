"""A neighbourhood that is watched: each state once, none for what happens elsewhere."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from graphql_schema.context import Context
from server.kernel.caller import Caller
from server.mesh.lineage.neighbourhood import Asked, Neighbourhood
from server.mesh.lineage.queries import LineageQueries
from tests.graph.conftest import Graph
from tests.graph.lineages import draw, external, link, shortened, unlink

WATCH = """subscription($of: ID!, $direction: LineageDirection, $depth: Int) {
  lineage(of: $of, direction: $direction, depth: $depth) {
    nodes { asset { id } depth confidence } edges { id transformation } totalAssets complete truncatedBecause position
  }
}"""


class Watched:
    """The messages of one subscription."""

    def __init__(self, stream: Any, context: Context) -> None:
        self.stream = stream
        self.context = context

    async def result(self) -> Any:
        """The next message."""
        async with asyncio.timeout(20):
            return await anext(self.stream)

    async def next(self) -> dict[str, Any]:
        """The next state, in short words."""
        result = await self.result()
        assert result.errors is None, result.errors
        return shortened(result.data["lineage"])


@asynccontextmanager
async def watching(graph: Graph, of: str, **asked: Any) -> AsyncGenerator[Watched]:
    context = graph.context(graph.admin)
    stream = await graph.schema.subscribe(WATCH, variable_values={"of": of, **asked}, context_value=context)
    try:
        yield Watched(stream, context)
    finally:
        await stream.aclose()


async def test_tells_each_change_of_the_neighbourhood_once(graph: Graph) -> None:
    await draw(graph, "a>b 0.5")
    async with watching(graph, external("a")) as watched:
        assert await watched.next() == {"nodes": ["b 1 0.5"], "edges": ["a>b"], "total": 1, "left_out": None}
        await draw(graph, "x>y", "b>c 0.5")
        assert await watched.next() == {
            "nodes": ["b 1 0.5", "c 2 0.25"],
            "edges": ["a>b", "b>c"],
            "total": 2,
            "left_out": None,
        }
        await unlink(graph, external("x"), external("y"))
        await draw(graph, "a>b 0.75")
        assert (await watched.next())["nodes"] == ["b 1 0.75", "c 2 0.375"]
        await unlink(graph, external("b"), external("c"))
        assert (await watched.next())["nodes"] == ["b 1 0.75"]


async def test_tells_a_change_of_what_an_edge_says(graph: Graph) -> None:
    await draw(graph, "a>b")
    async with watching(graph, external("a")) as watched:
        first = (await watched.result()).data["lineage"]["edges"][0]["transformation"]
        await link(graph, external("a"), external("b"), transformation="joined")
        assert (first, (await watched.result()).data["lineage"]["edges"][0]["transformation"]) == ("", "joined")


async def test_follows_the_direction_and_the_depth_that_were_asked_for(graph: Graph) -> None:
    await draw(graph, "a>b", "b>c")
    async with watching(graph, external("b"), direction="DOWNSTREAM", depth=1) as watched:
        assert await watched.next() == {"nodes": ["c 1 1"], "edges": ["b>c"], "total": 1, "left_out": None}
        await draw(graph, "z>b", "c>d")
        assert await watched.next() == {"nodes": ["c 1 1"], "edges": ["b>c"], "total": 1, "left_out": "depth"}
        await draw(graph, "d>e", "c>e")
        await draw(graph, "b>d")
        assert (await watched.next())["nodes"] == ["c 1 1", "d 1 1"]


async def test_answers_together_what_came_while_nobody_read(graph: Graph) -> None:
    await draw(graph, "a>b")
    async with watching(graph, external("a")) as watched:
        await watched.next()
        await draw(graph, *(f"b>c{number}" for number in range(20)))
        assert (await watched.next())["total"] == 21
        await draw(graph, "b>d")
        assert (await watched.next())["total"] == 22


async def test_says_nothing_of_an_event_that_leaves_the_neighbourhood_as_it_was(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    await draw(graph, "a>b", "b>c")
    async with watching(graph, external("b"), direction="DOWNSTREAM", depth=1) as watched:
        await watched.next()
        looked = asyncio.Event()
        around = LineageQueries.around

        async def look(lineages: LineageQueries, asked: Asked) -> Neighbourhood:
            found = await around(lineages, asked)
            looked.set()
            return found

        monkeypatch.setattr(LineageQueries, "around", look)
        told = asyncio.create_task(watched.next())
        await draw(graph, "z>b")
        await looked.wait()
        await draw(graph, "c>d")
        assert await told == {"nodes": ["c 1 1"], "edges": ["b>c"], "total": 1, "left_out": "depth"}


async def test_those_who_watch_look_one_after_another(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    await draw(graph, "a>b")
    around, looking, most = LineageQueries.around, 0, 0

    async def look(lineages: LineageQueries, asked: Asked) -> Neighbourhood:
        nonlocal looking, most
        looking += 1
        most = max(most, looking)
        found = await around(lineages, asked)
        await asyncio.sleep(0)
        looking -= 1
        return found

    async with AsyncExitStack() as stack:
        watched = [await stack.enter_async_context(watching(graph, external("a"))) for _ in range(20)]
        await asyncio.gather(*(each.next() for each in watched))
        monkeypatch.setattr(LineageQueries, "around", look)
        told = [asyncio.create_task(each.next()) for each in watched]
        await draw(graph, "b>c")
        assert [state["total"] for state in await asyncio.gather(*told)] == [2] * 20
    assert most == 1


async def test_tells_a_change_of_what_there_was_no_room_for(graph: Graph) -> None:
    await draw(graph, "a>b", "a>c", "a>d")
    graph.parts.mesh.lineages.most_assets = 2
    async with watching(graph, external("a")) as watched:
        shown = {"nodes": ["b 1 1", "c 1 1"], "edges": ["a>b", "a>c"], "left_out": "size"}
        assert await watched.next() == shown | {"total": 3}
        await draw(graph, "d>e")
        assert await watched.next() == shown | {"total": 4}


async def test_the_deletion_of_a_neighbour_is_a_change_and_that_of_the_asset_the_end(graph: Graph) -> None:
    await graph.ask('mutation { createDomain(input: {name: "sales", owner: "o"}) { domain { id } } }')
    for name in ("p", "q"):
        await graph.ask(
            "mutation($n: String!) { registerDataProduct("
            'input: {name: $n, domain: "sales", owner: "o", schema: {a: "int"}}) { dataProduct { id } } }',
            n=name,
        )
    await link(graph, "product:q", "product:p")
    await link(graph, "product:p", external("a"))
    delete = "mutation($n: ID!) { deleteDataProduct(input: {name: $n}) { deletedId } }"
    async with watching(graph, "product:p") as watched:
        assert (await watched.next())["total"] == 2
        await graph.ask(delete, n="q")
        assert (await watched.next())["nodes"] == ["a 1 1"]
        await graph.ask(delete, n="p")
        ended = await watched.result()
        assert ended.data is None
        assert [(error.extensions["code"], error.message) for error in ended.errors] == [
            ("NOT_FOUND", "of 'product:p' is not known; register it with registerDataProduct")
        ]
        with pytest.raises(StopAsyncIteration):
            await watched.result()


async def test_nothing_reads_on_when_the_client_has_gone(graph: Graph) -> None:
    await draw(graph, "a>b")
    async with watching(graph, external("a")) as watched:
        await watched.next()
        waiting = asyncio.create_task(watched.result())
        while not graph.parts.mesh.feed._readers:
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    assert graph.parts.mesh.feed._readers == 0


@pytest.mark.parametrize(
    ("of", "asked", "code"),
    [
        ("a", {}, "BAD_USER_INPUT"),
        ("product:none", {}, "NOT_FOUND"),
        (external("a"), {"depth": -1}, "BAD_USER_INPUT"),
    ],
)
async def test_refuses_at_once(graph: Graph, of: str, asked: dict[str, Any], code: str) -> None:
    await draw(graph, "a>b")
    async with watching(graph, of, **asked) as watched:
        (error,) = (await watched.result()).errors
        assert error.extensions["code"] == code


async def test_needs_the_right_to_read_the_catalog(graph: Graph, anonymous: Caller) -> None:
    await draw(graph, "a>b")
    object.__setattr__(graph.parts.mesh, "public_read", False)
    stream = await graph.schema.subscribe(
        WATCH, variable_values={"of": external("a")}, context_value=graph.context(anonymous)
    )
    (error,) = (await anext(stream)).errors
    await stream.aclose()
    assert error.extensions["code"] == "UNAUTHENTICATED"

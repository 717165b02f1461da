"""SQL that is hard to read: the edge is registered all the same, it says why, and others are served meanwhile."""

import asyncio

import pytest

from server.adapters.side_process.process import ProcessEnded
from server.adapters.sql_columns import ask
from server.kernel.errors import LimitExceeded, Refused, TimedOut
from server.kernel.ids import Urn
from tests.graph.conftest import Graph
from tests.graph.lineages import link
from tests.graph.test_column_lineage import dataset, edge

DEEP = "the SQL is nested too deeply to be read"
HARD = {
    "parentheses": ("select " + "(" * 10_000 + "amount" + ")" * 10_000 + " as total from orders", {DEEP}),
    "queries": ("select amount as total from " + "(select * from " * 4_000 + "orders" + ")" * 4_000, {DEEP}),
    "unions": ("select amount as total from orders" + " union select 1" * 6_000, {DEEP}),
    "conditions": ("select amount as total from orders where " + " and ".join(["id=1"] * 9_000), {DEEP}),
    "dots": ("select amount" + ".a" * 45_000 + " as total from orders", set()),
    "words": ("a" * 99_000, set()),
    "quotes": ("select '" + "''" * 45_000, set()),
    "comments": ("/*" * 40_000 + " select amount as total from orders", set()),
    "operators": ("select " + "- " * 40_000 + "amount as total from orders", set()),
}
SLOW = {"reading the SQL takes longer than 2 seconds", "reading the SQL ended its process"}


@pytest.mark.parametrize("name", HARD)
async def test_hard_sql_leaves_the_columns_unknown_and_the_loop_free(graph: Graph, name: str) -> None:
    sql, reasons = HARD[name]
    await dataset(graph, "orders", "id", "amount")
    await dataset(graph, "totals", "total")
    turns = 0
    work = asyncio.create_task(link(graph, "dataset:orders", "dataset:totals", sql=sql))
    while not work.done():
        await asyncio.sleep(0.005)
        turns += 1
    await work
    assert turns > 5
    columns, unknown = await edge(graph, "dataset:orders", "dataset:totals")
    assert columns == []
    assert unknown is not None
    assert unknown in reasons | SLOW or not reasons
    await link(graph, "dataset:orders", "dataset:totals", sql="select amount as total from orders")
    assert (await edge(graph, "dataset:orders", "dataset:totals"))[0] == [
        {"target": "total", "sources": ["amount"], "indirect": []}
    ]


async def test_an_answer_is_remembered_until_a_schema_changes(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    await dataset(graph, "orders", "id", "amount")
    await dataset(graph, "totals", "total")
    asked = []
    reader = graph.parts.mesh.lineage_service._columns
    run = reader._side.run

    async def counted(work: object, *arguments: object, seconds: float) -> object:
        asked.append(work)
        return await run(work, *arguments, seconds=seconds)

    monkeypatch.setattr(reader._side, "run", counted)
    ends = Urn("dataset:orders"), Urn("dataset:totals")
    first = await reader.read("select amount as total from orders", None, *ends)
    assert await reader.read("select amount as total from orders", None, *ends) == first
    assert asked == [ask.ready, ask.ask]
    await graph.ask(
        "mutation($i: EvolveSchemaInput!) { evolveSchema(input: $i) { dataset { id } } }",
        i={"dataset": "orders", "schema": {"id": "string", "amount": "string", "note": "string"}},
    )
    assert await reader.read("select amount as total from orders", None, *ends) == first
    assert asked == [ask.ready, ask.ask, ask.ready, ask.ask]


@pytest.mark.parametrize(
    ("failed", "reason"),
    [
        (TimedOut("late"), "reading the SQL takes longer than 2 seconds"),
        (LimitExceeded("large"), "reading the SQL takes too much memory"),
        (ProcessEnded("dead"), "reading the SQL ended its process"),
    ],
)
async def test_what_could_not_be_read_at_the_moment_is_read_the_next_time(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, failed: Refused, reason: str
) -> None:
    await dataset(graph, "orders", "amount")
    await dataset(graph, "totals", "total")
    reader = graph.parts.mesh.lineage_service._columns
    run = reader._side.run

    async def fails(work: object, *arguments: object, seconds: float) -> object:
        if work is ask.ask:
            monkeypatch.setattr(reader._side, "run", run)
            raise failed
        return await run(work, *arguments, seconds=seconds)

    monkeypatch.setattr(reader._side, "run", fails)
    found = []
    for _ in range(2):
        await link(graph, "dataset:orders", "dataset:totals", sql="select amount as total from orders")
        found.append(await edge(graph, "dataset:orders", "dataset:totals"))
    assert found == [([], reason), ([{"target": "total", "sources": ["amount"], "indirect": []}], None)]

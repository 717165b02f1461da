"""Columns through the mesh: read from SQL or given by hand, followed both ways, now and before."""

from typing import Any

import pytest

from server.mesh.lineage.columns import graphs
from tests.graph.conftest import Graph
from tests.graph.lineages import link, unlink

DATASET = "mutation($input: RegisterDatasetInput!) { registerDataset(input: $input) { dataset { id } } }"
EVOLVE = "mutation($input: EvolveSchemaInput!) { evolveSchema(input: $input) { dataset { id } } }"
COLUMNS = """query($of: ID!, $column: String!, $direction: LineageDirection, $at: BigInt) {
  catalog(atPosition: $at) { columnLineage(of: $of, column: $column, direction: $direction) {
    nodes { asset { id } column depth }
    edges { source { asset { id } column } target { asset { id } column } type }
    complete
  } }
}"""
EDGE = "query($id: ID!) { node(id: $id) { ... on LineageEdge { columns { target sources indirect } columnsUnknown } } }"


async def dataset(graph: Graph, name: str, *columns: str) -> None:
    """A dataset of text columns."""
    await graph.ask(DATASET, input={"name": name, "schema": dict.fromkeys(columns, "string"), "containsPii": False})


async def columns(graph: Graph, of: str, column: str, **asked: Any) -> tuple[list[str], list[str], bool]:
    """Nodes as `table.column depth`, edges as `a.x>b.y` or `a.x~b.y` where indirect, and whether that is all."""
    data = (await graph.ask(COLUMNS, of=of, column=column, **asked))["catalog"]["columnLineage"]
    nodes = [f"{_short(node)} {node['depth']}" for node in data["nodes"]]
    signs = {"DIRECT": ">", "INDIRECT": "~"}
    edges = [f"{_short(edge['source'])}{signs[edge['type']]}{_short(edge['target'])}" for edge in data["edges"]]
    return nodes, sorted(edges), data["complete"]


def _short(node: dict[str, Any]) -> str:
    return f"{node['asset']['id'].partition(':')[2]}.{node['column']}"


async def edge(graph: Graph, source: str, target: str) -> tuple[list[dict[str, Any]], str | None]:
    """What the edge says of its columns, and why it says nothing."""
    found = (await graph.ask(EDGE, id=f"lineage:{source}>{target}"))["node"]
    return found["columns"], found["columnsUnknown"]


async def chain(graph: Graph) -> int:
    """Orders -> totals -> report, read from SQL; the position of the last edge."""
    await dataset(graph, "orders", "id", "customer", "amount", "note")
    await dataset(graph, "totals", "customer", "total")
    await dataset(graph, "report", "total")
    sql = "SELECT customer, sum(amount) AS total FROM orders WHERE note <> '' GROUP BY customer"
    await link(graph, "dataset:orders", "dataset:totals", sql=sql)
    return await link(graph, "dataset:totals", "dataset:report", sql="insert into report select total from totals")


async def test_reads_columns_from_sql(graph: Graph) -> None:
    await chain(graph)
    assert await edge(graph, "dataset:orders", "dataset:totals") == (
        [
            {"target": "customer", "sources": ["customer"], "indirect": ["note"]},
            {"target": "total", "sources": ["amount"], "indirect": ["customer", "note"]},
        ],
        None,
    )
    assert await edge(graph, "dataset:totals", "dataset:report") == (
        [{"target": "total", "sources": ["total"], "indirect": []}],
        None,
    )


async def test_many_changes_at_once_leave_nothing_behind_that_stood_before(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    await chain(graph)
    before = await columns(graph, "dataset:report", "total")
    monkeypatch.setattr(graphs, "MOST_FOLLOWED", 0)
    await link(graph, "dataset:report", "external:x/board", columns=[{"target": "b", "sources": ["total"]}])
    assert await columns(graph, "dataset:report", "total") == before
    assert (await columns(graph, "external:x/board", "b"))[0][:2] == ["x/board.b 0", "report.total -1"]


async def test_a_database_put_back_to_a_backup_has_the_columns_of_the_backup(graph: Graph) -> None:
    await chain(graph)
    assert len((await columns(graph, "dataset:totals", "total"))[0]) == 4
    await graph.parts.keys._pool.execute("delete from lineage_edge")
    graph.parts.follower._graph = None  # as after a look at a log that does not go on with what was read
    assert await columns(graph, "dataset:totals", "total") == (["totals.total 0"], [], True)


async def test_reads_other_tables_of_a_statement_among_what_is_registered(graph: Graph) -> None:
    await chain(graph)
    await dataset(graph, "Rates", "customer", "rate")
    sql = "select o.amount * r.rate as total from orders o join rates r using (customer) join {other} x on true"
    for other, reason in (
        ("Report", None),
        ("nowhere", "the SQL reads 'nowhere', which is no registered dataset or product"),
    ):
        await link(graph, "dataset:orders", "dataset:report", sql=sql.format(other=other))
        known = [{"target": "total", "sources": ["amount"], "indirect": ["customer"]}]
        assert await edge(graph, "dataset:orders", "dataset:report") == ([] if reason else known, reason)


async def test_says_why_columns_are_not_known(graph: Graph) -> None:
    await chain(graph)
    await link(graph, "external:erp/orders", "dataset:totals", sql="select 1 as total from orders")
    assert await edge(graph, "external:erp/orders", "dataset:totals") == (
        [],
        "'external:erp/orders' has no registered columns",
    )


async def test_follows_columns_up_and_down(graph: Graph) -> None:
    await chain(graph)
    nodes = ["report.total 0", "totals.total -1", "orders.amount -2", "orders.customer -2", "orders.note -2"]
    edges = ["orders.amount>totals.total", "orders.customer~totals.total", "orders.note~totals.total"]
    assert await columns(graph, "dataset:report", "total") == (nodes, [*edges, "totals.total>report.total"], True)
    assert await columns(graph, "dataset:orders", "amount", direction="DOWNSTREAM") == (
        ["orders.amount 0", "totals.total 1", "report.total 2"],
        ["orders.amount>totals.total", "totals.total>report.total"],
        True,
    )
    both = await columns(graph, "dataset:totals", "total", direction="BOTH")
    assert both == (
        ["totals.total 0", "orders.amount -1", "orders.customer -1", "orders.note -1", "report.total 1"],
        [*edges, "totals.total>report.total"],
        True,
    )
    assert await columns(graph, "dataset:orders", "id", direction="BOTH") == (["orders.id 0"], [], True)


async def test_an_edge_without_columns_leaves_the_answer_incomplete(graph: Graph) -> None:
    await chain(graph)
    await link(graph, "external:erp/x", "dataset:orders")
    nodes, _, complete = await columns(graph, "dataset:report", "total")
    assert (len(nodes), complete) == (5, False)
    assert (await columns(graph, "dataset:orders", "amount", direction="DOWNSTREAM"))[2] is True
    assert await columns(graph, "external:erp/x", "whatever", direction="DOWNSTREAM") == (
        ["erp/x.whatever 0"],
        [],
        False,
    )


async def test_answers_as_of_each_position(graph: Graph) -> None:
    position = await chain(graph)
    before = await columns(graph, "dataset:report", "total")
    links = [{"target": "total", "sources": ["customer"]}]
    changed = await link(graph, "dataset:orders", "dataset:totals", columns=links)
    after = await columns(graph, "dataset:report", "total")
    assert after == (
        ["report.total 0", "totals.total -1", "orders.customer -2"],
        ["orders.customer>totals.total", "totals.total>report.total"],
        True,
    )
    await unlink(graph, "dataset:totals", "dataset:report")
    assert await columns(graph, "dataset:report", "total") == (["report.total 0"], [], True)
    assert await columns(graph, "dataset:report", "total", at=position) == before
    assert await columns(graph, "dataset:report", "total", at=changed) == after
    assert await columns(graph, "dataset:report", "total", at=position - 1) == (["report.total 0"], [], True)
    graph.parts.mesh.columns._links = None  # a process that makes the graph only now
    assert await columns(graph, "dataset:report", "total", at=changed) == after
    assert await columns(graph, "dataset:report", "total", at=position) == before


async def test_leaves_out_a_column_that_the_schema_lost(graph: Graph) -> None:
    await chain(graph)
    given = {"dataset": "totals", "schema": {"customer": "string", "sum": "string"}, "compatibility": "NONE"}
    await graph.ask(EVOLVE, input=given)
    assert await columns(graph, "dataset:report", "total") == (["report.total 0"], [], False)


async def test_names_a_near_column(graph: Graph) -> None:
    await chain(graph)
    refused = await graph.refused(COLUMNS, of="dataset:orders", column="amuont")
    assert refused == (
        "BAD_USER_INPUT",
        "column 'amuont' is not in the schema of 'dataset:orders'; did you mean 'amount'?",
    )


async def test_the_number_of_statements_does_not_depend_on_the_columns(graph: Graph) -> None:
    await dataset(graph, "wide", *(f"c{number}" for number in range(200)))
    for number in range(30):
        await dataset(graph, f"t{number}", "sum")
        sources = [f"c{each}" for each in range(number * 6, number * 6 + 6)]
        await link(graph, "dataset:wide", f"dataset:t{number}", columns=[{"target": "sum", "sources": sources}])
        await link(graph, f"dataset:t{number}", "external:bi/board", columns=[{"target": "kpi", "sources": ["sum"]}])
    await columns(graph, "external:bi/board", "kpi")
    sent = []
    for of, column, size in (("external:bi/board", "kpi", 211), ("dataset:t3", "sum", 7)):
        graph.statements.clear()
        nodes, _, _ = await columns(graph, of, column)
        assert len(nodes) == size
        sent.append(len(graph.statements))
    assert max(sent) <= 12, sent

"""Edges that are refused, and that a refusal leaves nothing behind."""

from typing import Any

import pytest

from server.mesh.lineage.assets import Assets, End
from tests.graph.conftest import Graph
from tests.graph.lineage_registered import REGISTER, REMOVE, dataset, head, refused, register
from tests.graph.shop import do, shop


async def test_a_loop_is_refused_with_its_way(graph: Graph) -> None:
    for source, target in (("a", "b"), ("b", "c"), ("c", "d"), ("a", "c")):
        await register(graph, f"external:n/{source}", f"external:n/{target}")
    answer = await graph.schema.execute(
        REGISTER,
        variable_values={"input": {"source": "external:n/d", "target": "external:n/a"}},
        context_value=graph.context(graph.admin),
    )
    assert answer.errors is not None
    assert answer.errors[0].extensions == {
        "code": "PRECONDITION_FAILED",
        "details": {"path": ["external:n/d", "external:n/a", "external:n/c", "external:n/d"]},
    }
    assert await head(graph) == 4


@pytest.mark.parametrize("other", ["external:N/a%CC%81", "external:n/A%CC%81", "external:n/%C3%81"])
async def test_a_name_that_differs_only_by_case_or_unicode_form_is_taken(graph: Graph, other: str) -> None:
    await register(graph, "external:n/%C3%A1", "external:n/b")
    code, message = await refused(graph, "external:n/b", other)
    assert code == "ALREADY_EXISTS"
    assert "from 'external:n/%C3%A1', which is known" in message
    assert await head(graph) == 1


async def test_two_spellings_of_one_name_cannot_be_introduced_together(graph: Graph) -> None:
    code, message = await refused(graph, "external:n/a", "external:n/A")
    assert (code, message.partition(";")[0]) == (
        "ALREADY_EXISTS",
        "source and target differ only by case or Unicode form",
    )
    assert await head(graph) == 0


async def test_a_product_that_is_deleted_after_the_look_at_it_gets_no_edge(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop(graph)
    look = Assets.ends

    async def then_deleted(assets: Assets, *asked: Any) -> tuple[End, End]:
        ends = await look(assets, *asked)
        monkeypatch.setattr(Assets, "ends", look)
        await do(graph, "deleteDataProduct", name="orders")
        return ends

    monkeypatch.setattr(Assets, "ends", then_deleted)
    assert await graph.refused(REGISTER, input={"source": "dataset:carts", "target": "product:orders"}) == (
        "NOT_FOUND",
        "target 'product:orders' is not known; register it with registerDataProduct",
    )
    assert (await graph.ask("{ lineageEdges { totalCount } }"))["lineageEdges"]["totalCount"] == 0


async def test_refuses_ends_that_are_not_there(graph: Graph) -> None:
    await dataset(graph, "Orders")
    assert await refused(graph, "dataset:gone", "dataset:Orders") == (
        "NOT_FOUND",
        "source 'dataset:gone' is not known; register it with registerDataset",
    )
    assert await refused(graph, "dataset:Orders", "product:gone") == (
        "NOT_FOUND",
        "target 'product:gone' is not known; register it with registerDataProduct",
    )
    assert await refused(graph, "dataset:Orders", "dataset:orders") == (
        "NOT_FOUND",
        "target 'dataset:orders' is not known; it is registered as 'dataset:Orders'",
    )
    assert await head(graph) == 1


async def test_refuses_an_end_that_does_not_say_what_it_is(graph: Graph) -> None:
    for end in ("orders", "batch:b1", "Dataset:orders", "", ":", "dataset:", "dataset:a b", "product", "external:a"):
        assert (await refused(graph, end, "external:n/a"))[0] == "BAD_USER_INPUT"
        assert (await refused(graph, "external:n/a", end))[0] == "BAD_USER_INPUT"
        removed = await graph.refused(REMOVE, input={"source": end, "target": "external:n/a"})
        assert removed[0] == "BAD_USER_INPUT"


async def test_refuses_a_kind_of_what_is_not_external(graph: Graph) -> None:
    await dataset(graph, "orders")
    assert await refused(graph, "dataset:orders", "external:n/a", sourceKind="DATASET") == (
        "BAD_USER_INPUT",
        "sourceKind says what an external asset is, and source is none; leave it out",
    )


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"confidence": 0}, "confidence 0.0 is out of bounds"),
    ({"confidence": 1.5}, "confidence 1.5 is out of bounds"),
    ({"transformation": "x" * 10_001}, "transformation has 10001 characters; 10000 are allowed"),
    ({"metadata": [1]}, "metadata is not a JSON object"),
    ({"metadata": "x"}, "metadata is not a JSON object"),
    ({"metadata": {"a": "x" * 16_384}}, "metadata has 16392 bytes as JSON; 16384 are allowed"),
    ({"metadata": {"a": 2**64}}, "metadata holds an integer of more than 64 bits"),
    ({"sql": "select 1", "columns": []}, "sql and columns are both given"),
    ({"sqlDialect": "duckdb"}, "sqlDialect is given without sql"),
    ({"sql": "select 1", "sqlDialect": "basic"}, "sqlDialect 'basic' is not known; name one of athena, "),
    ({"sql": "é" * 50_001}, "sql has 100002 bytes; 100000 are allowed"),
    ({"columns": [{"target": "gone", "sources": []}]}, "columns name the target 'gone', which 'dataset:daily'"),
    ({"columns": [{"target": "total", "sources": ["gone"]}]}, "columns name the source 'gone', which 'dataset:o"),
    ({"columns": [{"target": "total", "sources": ["Price"]}]}, "columns name the source 'Price'"),
    ({"columns": [{"target": "total", "sources": []}] * 2}, "columns name the target 'total' twice"),
    ({"columns": [{"target": "total", "sources": ["price"] * 2}]}, "columns name a source of 'total' twice"),
    ({"columns": [{"target": "total", "sources": ["price"] * 5_001}]}, "columns link 5001 times"),
]


async def test_refuses_what_may_not_be_said_of_an_edge(graph: Graph) -> None:
    await dataset(graph, "orders", "price")
    await dataset(graph, "daily", "total")
    for terms, saying in REFUSED:
        code, message = await refused(graph, "dataset:orders", "dataset:daily", **terms)
        assert (code, message.startswith(saying)) == ("BAD_USER_INPUT", True), message
    assert await head(graph) == 2


@pytest.mark.parametrize(
    ("literal", "saying"),
    [
        ("{a: 99999999999999999999999}", "an integer of more than 64 bits"),
        ("{a: [1e999]}", "a number that is not finite"),
        ('{a: "\\u0000"}', "NUL"),
        ("{a: " + "[" * 40 + "]" * 40 + "}", "is nested deeper than 16 levels"),
    ],
)
async def test_refuses_metadata_that_cannot_be_kept_when_it_stands_in_the_document(
    graph: Graph, literal: str, saying: str
) -> None:
    code, message = await graph.refused(
        'mutation { registerLineage(input: {source: "external:n/a", target: "external:n/b", metadata: '
        + literal
        + "}) { edge { id } } }"
    )
    assert code == "BAD_USER_INPUT"
    assert saying in message


async def test_a_product_in_another_spelling_is_named_in_its_own(graph: Graph) -> None:
    await graph.ask('mutation { createDomain(input: {name: "d", owner: "ann"}) { events { type } } }')
    await graph.ask(
        'mutation { registerDataProduct(input: {name: "Sales", domain: "d", owner: "ann", schema: {n: "int"}})'
        " { events { type } } }"
    )
    assert await refused(graph, "product:SALES", "external:n/a") == (
        "NOT_FOUND",
        "source 'product:SALES' is not known; it is registered as 'product:Sales'",
    )
    links = [{"target": "x", "sources": ["m"]}]
    assert await refused(graph, "product:Sales", "external:n/a", columns=links) == (
        "BAD_USER_INPUT",
        "columns name the source 'm', which 'product:Sales' does not have; name one of its columns",
    )

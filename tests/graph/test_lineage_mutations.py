"""Registering and removing edges through the graph, on a real database."""

import asyncio
from typing import Any

import pytest

from tests.graph.conftest import Graph
from tests.graph.lineage_registered import REGISTER, REMOVE, dataset, head, refused, register, remove


async def test_an_edge_says_what_was_registered(graph: Graph) -> None:
    await dataset(graph, "orders", "price", "count", "day")
    await dataset(graph, "daily", "total")
    payload = await register(
        graph,
        "dataset:orders",
        "dataset:daily",
        transformation="sum by day",
        lineageType="AGGREGATED",
        confidence=0.75,
        metadata={"job": "nightly"},
        columns=[{"target": "total", "sources": ["price", "count"]}],
    )
    assert payload == {
        "edge": {
            "id": "lineage:dataset:orders>dataset:daily",
            "transformation": "sum by day",
            "lineageType": "AGGREGATED",
            "confidence": 0.75,
            "metadata": {"job": "nightly"},
            "columns": [{"target": "total", "sources": ["price", "count"], "indirect": []}],
            "columnsUnknown": None,
            "source": {"id": "dataset:orders"},
            "target": {"id": "dataset:daily"},
        },
        "events": [{"type": "LineageRegistered", "stream": "lineage:declared", "position": 3}],
    }


async def test_an_explicit_null_is_the_default(graph: Graph) -> None:
    plain = await register(graph, "external:n/a", "external:n/b")
    names = ("transformation", "lineageType", "confidence", "metadata", "allowCycle", "columns", "sql", "sourceKind")
    again = await register(graph, "external:n/a", "external:n/b", **dict.fromkeys(names))
    assert again == {"edge": plain["edge"], "events": []}
    assert (plain["edge"]["lineageType"], plain["edge"]["confidence"], plain["edge"]["metadata"]) == ("DIRECT", 1, {})


async def test_registering_again_replaces_all_that_was_said(graph: Graph) -> None:
    await register(graph, "external:n/a", "external:n/b", transformation="x", metadata={"a": 1}, confidence=0.5)
    changed = await register(graph, "external:n/a", "external:n/b", metadata={"a": True}, confidence=0.5)
    assert (changed["edge"]["transformation"], changed["edge"]["metadata"]) == ("", {"a": True})
    assert [one["position"] for one in changed["events"]] == [2]
    before = "{ catalog(atPosition: 1) { lineageEdges { totalCount nodes { transformation metadata } } } }"
    assert (await graph.ask(before))["catalog"]["lineageEdges"] == {
        "totalCount": 1,
        "nodes": [{"transformation": "x", "metadata": {"a": 1}}],
    }


async def test_an_allowed_loop_is_recorded_as_one(graph: Graph) -> None:
    await register(graph, "external:n/a", "external:n/b")
    await register(graph, "external:n/b", "external:n/a", allowCycle=True)
    found = await graph.ask(
        '{ edge: node(id: "lineage:external:n/b>external:n/a") { ... on LineageEdge { closesLoop } }'
        ' event: node(id: "event:2") { ... on LineageRegistered { loop source { id } target { id name }'
        " externals { asset kind } } } }"
    )
    assert found == {
        "edge": {"closesLoop": True},
        "event": {
            "loop": ["external:n/b", "external:n/a", "external:n/b"],
            "source": {"id": "external:n/b"},
            "target": {"id": "external:n/a", "name": "a"},
            "externals": [],
        },
    }


async def test_an_external_asset_appears_at_its_first_mention(graph: Graph) -> None:
    await register(graph, "external:n/job%2f1", "external:n/é", sourceKind="JOB")
    found = await graph.ask(
        '{ nodes(ids: ["external:n/job%2F1", "external:n/%C3%A9"]) { ... on ExternalAsset {'
        " id namespace name kind } } }"
    )
    assert found["nodes"] == [
        {"id": "external:n/job%2F1", "namespace": "n", "name": "job/1", "kind": "JOB"},
        {"id": "external:n/%C3%A9", "namespace": "n", "name": "é", "kind": "DATASET"},
    ]
    assert await refused(graph, "external:n/job%2F1", "external:n/x", sourceKind="OTHER") == (
        "BAD_USER_INPUT",
        "sourceKind is OTHER, but the asset is known as JOB; leave it out",
    )
    assert (await register(graph, "external:n/job%2F1", "external:n/x", sourceKind="JOB"))["events"] != []
    assert await head(graph) == 2


async def test_columns_of_external_ends_may_be_called_anything(graph: Graph) -> None:
    columns = [{"target": "x" * 256, "sources": ["a b", "a.b[0]", "\u202eé🎉"]}]
    payload = await register(graph, "external:n/a", "external:n/b", columns=columns)
    assert payload["edge"]["columns"] == [{**columns[0], "indirect": []}]
    for name in ("", " ", "x" * 257):
        links = [{"target": name, "sources": []}]
        code, message = await refused(graph, "external:n/a", "external:n/b", columns=links)
        assert (code, message) == (
            "BAD_USER_INPUT",
            f"columns name a target of {len(name)} characters; 1 to 256 are allowed",
        )


@pytest.mark.parametrize(
    "metadata",
    [
        {"tiny": 1e-308, "huge": 1e308, "whole": 1e16, "minus": -0.0, "most": 2**64 - 1, "least": -(2**63)},
        {"\u202etxet": "🎉", "": None, "nested": [[[[{"a": []}]]]]},
        {"text": "é" * 8_000},
    ],
)
async def test_metadata_comes_back_as_it_was_and_stands_exactly_so(graph: Graph, metadata: dict[str, Any]) -> None:
    payload = await register(graph, "external:n/a", "external:n/b", metadata=metadata, confidence=1e-308)
    assert (payload["edge"]["metadata"], payload["edge"]["confidence"]) == (metadata, 1e-308)
    again = await register(graph, "external:n/a", "external:n/b", metadata=metadata, confidence=1e-308)
    assert again["events"] == []


async def test_a_removed_edge_is_gone_and_may_be_registered_anew(graph: Graph) -> None:
    await register(graph, "external:n/a", "external:n/b")
    gone = await remove(graph, "external:n/a", "external:n/b", reason="moved")
    assert gone == {
        "deletedId": "lineage:external:n/a>external:n/b",
        "events": [{"type": "LineageRemoved", "stream": "lineage:declared"}],
    }
    assert (await graph.ask('{ node(id: "lineage:external:n/a>external:n/b") { id } }')) == {"node": None}
    again = await graph.refused(REMOVE, input={"source": "external:n/a", "target": "external:n/b"})
    assert again == (
        "NOT_FOUND",
        "no edge leads from 'external:n/a' to 'external:n/b'; lineageEdges lists those that stand",
    )
    await register(graph, "external:n/b", "external:n/a")  # no loop any more
    assert (await graph.ask("{ lineageEdges { nodes { id closesLoop } } }"))["lineageEdges"]["nodes"] == [
        {"id": "lineage:external:n/b>external:n/a", "closesLoop": False}
    ]


async def test_the_same_key_answers_what_the_first_call_answered(graph: Graph) -> None:
    first = await register(graph, "external:n/a", "external:n/b", confidence=0.5, idempotencyKey="k")
    await register(graph, "external:n/a", "external:n/b", confidence=0.7)
    assert await register(graph, "external:n/a", "external:n/b", confidence=0.5, idempotencyKey="k") == first
    assert (await refused(graph, "external:n/a", "external:n/b", idempotencyKey="k"))[0] == "CONFLICT"
    gone = await remove(graph, "external:n/a", "external:n/b", idempotencyKey="r")
    assert await remove(graph, "external:n/a", "external:n/b", idempotencyKey="r") == gone
    assert await head(graph) == 3


async def test_the_events_of_an_edge_are_found_from_both_ends(graph: Graph) -> None:
    await dataset(graph, "orders")
    await register(graph, "dataset:orders", "external:n/a")
    await remove(graph, "dataset:orders", "external:n/a")
    found = await graph.ask('{ dataset(name: "orders") { events { nodes { type } } } }')
    assert [one["type"] for one in found["dataset"]["events"]["nodes"]] == [
        "DatasetRegistered",
        "LineageRegistered",
        "LineageRemoved",
    ]


async def test_sixteen_at_once_all_stand_and_none_is_in_conflict(graph: Graph) -> None:
    payloads = await asyncio.gather(*(register(graph, "external:n/hub", f"external:n/{i}") for i in range(16)))
    positions = sorted(one["position"] for payload in payloads for one in payload["events"])
    assert positions == list(range(1, 17))
    listed = await graph.ask("{ lineageEdges(first: 50) { totalCount } }")
    assert listed == {"lineageEdges": {"totalCount": 16}}


async def test_of_two_halves_of_a_loop_at_once_one_is_refused(graph: Graph) -> None:
    one, other = (
        graph.schema.execute(REGISTER, variable_values={"input": dict(ends)}, context_value=graph.context(graph.admin))
        for ends in (
            {"source": "external:n/a", "target": "external:n/b"},
            {"source": "external:n/b", "target": "external:n/a"},
        )
    )
    answers = await asyncio.gather(one, other)
    codes = [error.extensions and error.extensions["code"] for answer in answers for error in answer.errors or ()]
    assert codes == ["PRECONDITION_FAILED"]
    assert await head(graph) == 1


async def test_a_deleted_product_never_keeps_an_edge(graph: Graph) -> None:
    await graph.ask('mutation { createDomain(input: {name: "d", owner: "ann"}) { events { type } } }')
    for number in range(4):
        product = f"p{number}"
        await graph.ask(
            f'mutation {{ registerDataProduct(input: {{name: "{product}", domain: "d", owner: "ann",'
            ' schema: {n: "int"}}) { events { type } } }'
        )
        await register(graph, f"product:{product}", "external:n/before", columns=[{"target": "n", "sources": ["n"]}])
        deleting, registering = await asyncio.gather(
            graph.ask(f'mutation {{ deleteDataProduct(input: {{name: "{product}"}}) {{ events {{ type }} }} }}'),
            graph.schema.execute(
                REGISTER,
                variable_values={"input": {"source": "external:n/other", "target": f"product:{product}"}},
                context_value=graph.context(graph.admin),
            ),
        )
        taken = registering.errors is None
        assert [one["type"] for one in deleting["deleteDataProduct"]["events"]] == [
            *["LineageRemoved"] * (2 if taken else 1),
            "DataProductDeleted",
        ]
        assert await refused(graph, "external:n/other", f"product:{product}") == (
            "NOT_FOUND",
            f"target 'product:{product}' is not known; register it with registerDataProduct",
        )
    assert (await graph.ask("{ lineageEdges { totalCount } }")) == {"lineageEdges": {"totalCount": 0}}
    position = await head(graph) - 1
    found = await graph.ask(
        f'{{ node(id: "event:{position}") {{ ... on LineageRemoved {{ source {{ id name }} target {{ id }} }} }} }}'
    )
    assert found["node"]["source"] is not None


async def test_columns_are_read_from_sql_and_the_sql_is_not_kept(graph: Graph) -> None:
    await dataset(graph, "orders", "price", "day")
    await dataset(graph, "daily", "total", "day")
    sql = "select day, sum(price) as total from orders group by day"
    payload = await register(graph, "dataset:orders", "dataset:daily", sql=sql, sqlDialect="duckdb")
    assert {link["target"]: link["sources"] for link in payload["edge"]["columns"]} == {
        "day": ["day"],
        "total": ["price"],
    }
    assert payload["edge"]["columnsUnknown"] is None
    unknown = await register(graph, "dataset:orders", "dataset:daily", sql="select from from")
    assert unknown["edge"]["columns"] == []
    assert unknown["edge"]["columnsUnknown"]
    stored = await graph.ask(
        '{ first: node(id: "event:3") { ... on Event { data } } second: node(id: "event:4") { ... on Event { data } } }'
    )
    assert "sum(" not in str(stored)
    assert "from from" not in str(stored)

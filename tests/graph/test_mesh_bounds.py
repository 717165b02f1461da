"""Reads of the mesh at bad positions, and queries that go round in it."""

from datetime import UTC, datetime, timedelta

import pytest
from graphql import parse

from graphql_schema.schema import build_schema
from server.http.graphql.limits import Limits
from server.http.graphql.weight import refuse_weight, weigh
from server.kernel.errors import LimitExceeded
from tests.graph.conftest import Graph
from tests.graph.test_product_listing import farm

SCHEMA = build_schema()._schema  # pyright: ignore[reportPrivateUsage]  # Strawberry has no other door to it
READS = """
  position domains { totalCount nodes { name } } domain(name: "field") { name }
  dataProducts(filter: {domain: "field"}, orderBy: NAME_DESC) { totalCount nodes { name domain { name } } }
  dataProduct(name: "cows") { name description }"""
AT = f"query($at: DateTime, $position: BigInt) {{ catalog(asOf: $at, atPosition: $position) {{ {READS} }} }}"


async def test_a_catalog_of_the_past_holds_what_stood_then(graph: Graph) -> None:
    await farm(graph)
    assert (await graph.ask(AT, position=0))["catalog"] == {
        "position": 0,
        "domains": {"totalCount": 0, "nodes": []},
        "domain": None,
        "dataProducts": {"totalCount": 0, "nodes": []},
        "dataProduct": None,
    }
    assert (await graph.ask(AT, position=5))["catalog"] == {
        "position": 5,
        "domains": {"totalCount": 2, "nodes": [{"name": "field"}, {"name": "house"}]},
        "domain": {"name": "field"},
        "dataProducts": {
            "totalCount": 2,
            "nodes": [{"name": name, "domain": {"name": "field"}} for name in ("cows", "Ants")],
        },
        "dataProduct": {"name": "cows", "description": ""},
    }
    before = datetime(2001, 1, 1, tzinfo=UTC).isoformat()
    assert (await graph.ask(AT, at=before))["catalog"]["domains"]["totalCount"] == 0


async def test_refuses_positions_that_are_none(graph: Graph) -> None:
    await farm(graph)
    head = await graph.parts.mesh.events.head()
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert await graph.refused(AT, position=head + 1) == (
        "BAD_USER_INPUT",
        f"atPosition {head + 1} lies in the future; the log stands at {head}",
    )
    code, message = await graph.refused(AT, at=tomorrow)
    assert (code, "lies in the future; ask for an instant of the past" in message) == ("BAD_USER_INPUT", True)
    past = datetime(2001, 1, 1, tzinfo=UTC).isoformat()
    assert (await graph.refused(AT, position=-1))[0] == "BAD_USER_INPUT"
    assert (await graph.refused(AT, position=head, at=past))[0] == "BAD_USER_INPUT"
    for position in ("x", 2**70, 1.5):
        code, _ = await graph.refused(AT, position=position)
        assert code in {"BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"}


def round_and_round(outer: str, way: str, times: int, inner: str) -> str:
    """A query that takes one way through the mesh again and again."""
    opened, closed = way.split("…")
    return f"{{ {outer} {{ {opened * times}{inner}{closed * times} }} }}"


@pytest.mark.parametrize(
    "document",
    [
        round_and_round('domain(name: "field")', "products(first: 1) { nodes { domain { … } } } ", 6, "name"),
        round_and_round('dataProduct(name: "cows")', "upstream { nodes { asset { … } } } ", 6, "name"),
        round_and_round('dataset(name: "d")', "product { domain { datasets(first: 1) { nodes { … } } } } ", 5, "name"),
    ],
)
def test_refuses_a_query_that_goes_too_deep(document: str) -> None:
    with pytest.raises(LimitExceeded, match="levels deep, 15 are allowed"):
        refuse_weight(weigh(SCHEMA, parse(document), None, {}), Limits())


@pytest.mark.parametrize(
    "document",
    [
        round_and_round('domain(name: "field")', "products { nodes { domain { … } } } ", 4, "name"),
        round_and_round('dataProduct(name: "cows")', "upstream { nodes { asset { … } } } ", 4, "name"),
        round_and_round(
            'search(text: "a", first: 500)', "nodes { ... on Domain { products { … } } } ", 1, "nodes {name}"
        ),
    ],
)
def test_refuses_a_query_that_grows_too_wide(document: str) -> None:
    with pytest.raises(LimitExceeded, match="points, 10000 are allowed"):
        refuse_weight(weigh(SCHEMA, parse(document), None, {}), Limits())


async def test_a_way_round_within_the_bounds_is_answered(graph: Graph) -> None:
    await farm(graph)
    document = round_and_round('domain(name: "field")', "products(first: 1) { nodes { domain { … } } } ", 3, "name")
    answer = await graph.ask(document)
    inner: dict[str, object] = {"name": "field"}
    for _ in range(3):
        inner = {"products": {"nodes": [{"domain": inner}]}}
    assert answer["domain"] == inner

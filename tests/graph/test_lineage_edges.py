"""Edges by page, and the chains from one asset to another."""

import base64
import json
from itertools import pairwise

import pytest

from tests.graph.conftest import Graph
from tests.graph.lineages import draw, external, link, short, unlink
from tests.graph.shop import shop

PAGE = """query($source: ID, $target: ID, $type: LineageType, $first: Int, $after: String) {
  lineageEdges(source: $source, target: $target, type: $type, first: $first, after: $after) {
    totalCount pageInfo { hasNextPage endCursor } nodes { id source { name } target { name } confidence lineageType }
  }
}"""
PATHS = """query($from: ID!, $to: ID!, $first: Int) {
  lineagePaths(from: $from, to: $to, first: $first) { confidence edges { id source { name } transformation } }
}"""


async def names(graph: Graph, **asked: object) -> list[str]:
    data = (await graph.ask(PAGE, **asked))["lineageEdges"]
    assert data["totalCount"] == len(data["nodes"])
    return [short(node["id"].removeprefix("lineage:")) for node in data["nodes"]]


async def test_edges_stand_in_the_order_of_their_registration(graph: Graph) -> None:
    await draw(graph, "c>d", "a>b", "b>c 0.5 DERIVED", "c>d 0.25 AGGREGATED", "a>c")
    assert await names(graph) == ["c>d", "a>b", "b>c", "a>c"]
    assert await names(graph, source=external("a")) == ["a>b", "a>c"]
    assert await names(graph, target=external("c")) == ["b>c", "a>c"]
    assert await names(graph, source=external("a"), target=external("c")) == ["a>c"]
    assert await names(graph, type="AGGREGATED") == ["c>d"]
    assert await names(graph, source=external("none")) == []
    await unlink(graph, external("c"), external("d"))
    await draw(graph, "c>d")
    assert await names(graph) == ["a>b", "b>c", "a>c", "c>d"]


async def test_pages_of_edges_agree_although_edges_change_meanwhile(graph: Graph) -> None:
    await draw(graph, "a>b", "b>c 0.5", "c>d")
    first = (await graph.ask(PAGE, first=2))["lineageEdges"]
    await draw(graph, "b>c 0.75", "x>y")
    await unlink(graph, external("c"), external("d"))
    second = (await graph.ask(PAGE, first=2, after=first["pageInfo"]["endCursor"]))["lineageEdges"]
    assert [short(node["id"]) for node in first["nodes"] + second["nodes"]] == [
        "lineage:a>b",
        "lineage:b>c",
        "lineage:c>d",
    ]
    assert (first["totalCount"], second["totalCount"], second["pageInfo"]["hasNextPage"]) == (3, 3, False)


@pytest.mark.parametrize("other", [{"type": "DERIVED"}, {"source": external("a")}, {"target": external("c")}])
async def test_a_cursor_belongs_to_its_filter(graph: Graph, other: dict[str, str]) -> None:
    await draw(graph, "a>b", "b>c 0.5 DERIVED")
    cursor = (await graph.ask(PAGE, first=1))["lineageEdges"]["pageInfo"]["endCursor"]
    assert await graph.refused(PAGE, after=cursor, **other) == (
        "BAD_USER_INPUT",
        "this cursor belongs to another filter or order; start the listing anew",
    )


@pytest.mark.parametrize(
    ("listing", "key"), [("lineageEdges", 2**63), ("lineageEdges", -1), ("domains", "\0"), ("dataProducts", "a\0")]
)
async def test_refuses_a_forged_cursor(graph: Graph, listing: str, key: int | str) -> None:
    await draw(graph, "a>b")
    await shop(graph)
    page = f"query($after: String) {{ {listing}(first: 1, after: $after) {{ pageInfo {{ endCursor }} }} }}"
    after = (await graph.ask(page))[listing]["pageInfo"]["endCursor"]
    own = json.loads(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)))
    forged = base64.urlsafe_b64encode(json.dumps([*own[:2], key]).encode()).decode()
    assert await graph.refused(page, after=forged) == (
        "BAD_USER_INPUT",
        "this cursor is not one of ours; use endCursor of the page before",
    )


async def test_refuses_an_end_that_does_not_say_what_it_is(graph: Graph) -> None:
    code, message = await graph.refused(PAGE, source="a")
    assert (code, "does not say what it is" in message) == ("BAD_USER_INPUT", True)


async def paths(graph: Graph, source: str, target: str, first: int = 1) -> list[tuple[float, str]]:
    data = await graph.ask(PATHS, **{"from": external(source), "to": external(target), "first": first})
    found: list[tuple[float, str]] = []
    for path in data["lineagePaths"]:
        pairs = [short(edge["id"].removeprefix("lineage:")).split(">") for edge in path["edges"]]
        assert all(one[1] == other[0] for one, other in pairwise(pairs))
        found.append((path["confidence"], "".join([pairs[0][0], *(pair[1] for pair in pairs)])))
    return found


async def test_the_most_trustworthy_chain_comes_first(graph: Graph) -> None:
    await draw(graph, "a>b 0.9", "b>c 0.9", "a>c 0.5", "c>a 1", "c>d 0.5", "x>y")
    assert await paths(graph, "a", "d") == [(0.405, "abcd")]
    assert await paths(graph, "a", "d", 50) == [(0.405, "abcd"), (0.25, "acd")]
    assert await paths(graph, "d", "a", 50) == []
    assert await paths(graph, "a", "y", 50) == []
    assert await paths(graph, "a", "d", 0) == []
    assert await paths(graph, "c", "b", 50) == [(0.9, "cab")]


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ({"first": 51}, ("LIMIT_EXCEEDED", "first 51 is over the limit of 50; ask for less")),
        ({"first": -1}, ("BAD_USER_INPUT", "first -1 is negative; ask for 0 to 50")),
        ({"to": external("a")}, ("BAD_USER_INPUT", "from and to are both 'external:erp/a'; name two assets")),
    ],
)
async def test_refuses_chains_that_cannot_be(graph: Graph, asked: dict[str, object], refusal: tuple[str, str]) -> None:
    await draw(graph, "a>b")
    assert await graph.refused(PATHS, **{"from": external("a"), "to": external("b"), **asked}) == refusal


async def test_refuses_chains_between_what_is_not_known(graph: Graph) -> None:
    await draw(graph, "a>b")
    for ends in ({"from": external("none"), "to": external("b")}, {"from": external("a"), "to": "product:none"}):
        assert (await graph.refused(PATHS, **ends))[0] == "NOT_FOUND"


async def test_an_edge_is_found_by_its_urn(graph: Graph) -> None:
    await link(graph, external("a"), external("b"), transformation="x")
    data = await graph.ask(
        "query($id: ID!) { node(id: $id) { id ... on LineageEdge { transformation target { name } } } }",
        id="lineage:external:erp/a>external:erp/b",
    )
    assert data["node"] == {
        "id": "lineage:external:erp/a>external:erp/b",
        "transformation": "x",
        "target": {"name": "b"},
    }

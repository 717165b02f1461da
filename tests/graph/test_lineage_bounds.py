"""What a lineage answer costs, how much it lists, and how many statements it sends."""

from collections import Counter
from typing import Any

import pytest
from graphql import parse

from graphql_schema.schema import build_schema
from server.http.graphql import execution
from server.http.graphql.weight import weigh
from server.mesh.lineage import queries
from tests.graph.conftest import Graph
from tests.graph.lineages import around, draw, external, link

EVERYTHING = """query($of: ID!) {
  lineage(of: $of) {
    root { name ... on ExternalAsset { namespace } ... on DataProduct { domain { name } } }
    nodes { depth confidence asset {
      name ... on ExternalAsset { namespace } ... on Dataset { domain { name } schema { name } }
      upstream(depth: 1) { totalAssets nodes { asset { ... on ExternalAsset { kind } } } edges { transformation } }
    } }
    edges { id source { name } target { name } metadata columns { target } registeredAt }
  }
  lineageEdges(first: 500) { totalCount nodes { source { name } target { name } transformation } }
}"""
NAMES = """query($of: ID!) {
  lineage(of: $of) { nodes { asset { id name } } edges { source { name } target { name } confidence lineageType } }
}"""


async def fill(graph: Graph, assets: range) -> None:
    """Assets behind one dataset, each second one a dataset of a domain."""
    if assets.start == 0:
        await graph.ask('mutation { createDomain(input: {name: "sales", owner: "o"}) { domain { id } } }')
        await graph.ask('mutation { registerDataset(input: {name: "root", schema: {a: "int"}}) { dataset { id } } }')
    for number in assets:
        target = external(f"a{number}")
        if number % 2:
            target = f"dataset:d{number}"
            await graph.ask(
                "mutation($n: String!) { registerDataset("
                'input: {name: $n, domain: "sales", schema: {a: "int"}}) { dataset { id } } }',
                n=f"d{number}",
            )
        await link(graph, "dataset:root", target, metadata={"n": number})


async def sent(graph: Graph, query: str, nodes: int) -> Counter[str]:
    graph.statements.clear()
    data = await graph.ask(query, of="dataset:root")
    assert len(data["lineage"]["nodes"]) == nodes
    assert len(data["lineage"]["edges"]) == nodes
    return Counter(graph.statements)


async def test_the_number_of_statements_does_not_depend_on_the_number_of_assets(graph: Graph) -> None:
    await fill(graph, range(4))
    few = sum((await sent(graph, EVERYTHING, 4)).values()), sum((await sent(graph, NAMES, 4)).values())
    await fill(graph, range(4, 150))
    many = sum((await sent(graph, EVERYTHING, 150)).values()), sum((await sent(graph, NAMES, 150)).values())
    assert abs(many[0] - few[0]) <= 2, "turns may overlap"
    assert (few[1], many[1]) == (3, 3), "the position, the asset that was asked about, and what changed since"


async def test_a_big_graph_is_cut_and_says_so(graph: Graph) -> None:
    await draw(graph, "a>b 0.5", "a>c 0.5", "b>d", "c>d", "d>e")
    whole = await around(graph, "a")
    graph.parts.mesh.lineages.most_assets = 2
    assert await around(graph, "a") == {
        "nodes": whole["nodes"][:2],
        "edges": ["a>b", "a>c"],
        "total": 4,
        "left_out": "size",
    }
    assert (await around(graph, "a", depth=1))["left_out"] == "depth"
    assert (await around(graph, "a", depth=2))["left_out"] == "size"


@pytest.mark.parametrize(
    ("name", "limit", "said"),
    [
        ("MAX_GRAPHS", 9, "asks for more than 9 lineage graphs; ask in several requests"),
        ("MAX_VISITED", 20, "walks over more than 20 assets; ask for fewer graphs or less depth"),
    ],
)
async def test_the_walks_of_one_operation_are_bounded_together(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, name: str, limit: int, said: str
) -> None:
    await draw(graph, "a>b", "b>c", "c>d")
    fields = (f'x{depth}: lineage(of: "{external("a")}", depth: {depth}) {{ totalAssets }}' for depth in range(10))
    text = f"{{ {' '.join(fields)} }}"
    found = await graph.ask(text)
    assert [each["totalAssets"] for each in found.values()] == [0, 1, 2, 3, 3, 3, 3, 3, 3, 3]
    monkeypatch.setattr(queries, name, limit)
    code, message = await graph.refused(text)
    assert (code, said in message) == ("LIMIT_EXCEEDED", True), message
    fields = (f'x{n}: lineage(of: "{external("a")}") {{ totalAssets }}' for n in range(50))
    assert await graph.ask(f"{{ {' '.join(fields)} }}") == {f"x{n}": {"totalAssets": 3} for n in range(50)}


@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        ("upstream { totalAssets }", True),
        ("id downstream(depth: 1) { totalAssets }", True),
        ("... on ExternalAsset { downstream { totalAssets } }", True),
        ("... on Dataset { downstream { totalAssets } }", False),
        ("... @skip(if: true) { upstream { totalAssets } }", False),
        ("upstream @include(if: false) { totalAssets } id", False),
    ],
)
async def test_graphs_of_more_assets_than_one_operation_may_ask_about(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, asked: str, refused: bool
) -> None:
    await draw(graph, "a>b", "a>c", "a>d")
    monkeypatch.setattr(queries, "MAX_GRAPHS", 2)
    text = f'{{ lineage(of: "{external("a")}") {{ nodes {{ asset {{ {asked} }} }} }} }}'
    if refused:
        assert await graph.refused(text) == (
            "LIMIT_EXCEEDED",
            "the operation asks for more than 2 lineage graphs; ask in several requests",
        )
    else:
        assert len((await graph.ask(text))["lineage"]["nodes"]) == 3


async def test_the_walks_of_impact_count_among_them(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    await draw(graph, "a>b", "a>c", "b>d")
    text = f'{{ {" ".join(f"""{name}: impact(of: "{external(name)}") {{ assets {{ depth }} }}""" for name in "abc")} }}'
    assert [len(each["assets"]) for each in (await graph.ask(text)).values()] == [3, 1, 0]
    monkeypatch.setattr(queries, "MAX_GRAPHS", 2)
    code, message = await graph.refused(text)
    assert (code, message.partition(";")[0]) == (
        "LIMIT_EXCEEDED",
        "the operation asks for more than 2 lineage graphs",
    )


@pytest.mark.parametrize(
    "field",
    [
        "lineage(of: $of) { nodes { asset { ... on ExternalAsset { namespace } } } }",
        "lineage(of: $of) { edges { metadata } }",
        "impact(of: $of) { assets { asset { ... on ExternalAsset { namespace } } } }",
    ],
)
async def test_what_an_answer_could_not_list_is_not_read(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, field: str
) -> None:
    await draw(graph, *(f"a>b{number}" for number in range(5)))
    text = f"query($of: ID!) {{ {field} }}"
    await graph.ask(text, of=external("a"))
    graph.statements.clear()
    await graph.ask(text, of=external("a"))
    statements = len(graph.statements)
    monkeypatch.setattr(execution, "MAX_LISTED", 4)
    graph.statements.clear()
    assert await graph.refused(text, of=external("a")) == (
        "LIMIT_EXCEEDED",
        "the answer lists more than 4 items; ask for smaller pages",
    )
    assert len(graph.statements) == statements - 1


def nested(levels: int) -> str:
    inner = "totalAssets"
    for _ in range(levels):
        inner = f"nodes {{ asset {{ upstream {{ {inner} }} }} }}"
    return f'{{ lineage(of: "product:a") {{ {inner} }} }}'


def test_nesting_is_bounded_by_its_cost() -> None:
    schema = build_schema()._schema
    costs = [weigh(schema, parse(nested(levels)), None, {}).cost for levels in range(5)]
    assert costs == sorted(costs)
    assert costs[2] < 10_000 < costs[3], costs


async def test_pictures_are_answered_in_every_format(graph: Graph) -> None:
    await draw(graph, "a>b", "b>c", "c>d", "d>e")

    async def drawn(*said: str) -> str:
        arguments = ", ".join((f'of: "{external("a")}"', *said))
        answer: dict[str, Any] = await graph.ask(f"{{ lineageDiagram({arguments}) }}")
        return str(answer["lineageDiagram"])

    mermaid = await drawn()
    assert mermaid.startswith("flowchart LR\n  %% Lineage of external:erp/a, BOTH, depth 3, at position 4\n")
    assert '["… more lies beyond depth 3"]' in mermaid
    assert mermaid == await drawn("format: MERMAID", "depth: 3", "direction: BOTH")
    assert (await drawn("format: DOT", "depth: null")).count("->") == 4
    assert (await drawn("format: GRAPHML", "direction: UPSTREAM")).count("<node ") == 1
    assert (await graph.refused('{ lineageDiagram(of: "external:erp/none") }'))[0] == "NOT_FOUND"
    past = await graph.ask(
        "query($of: ID!) { catalog(atPosition: 2) { lineageDiagram(of: $of, format: DOT) } }", of=external("a")
    )
    assert past["catalog"]["lineageDiagram"].count("->") == 2

"""What lies around an asset: whole answers on small graphs."""

import pytest

from tests.graph.conftest import Graph
from tests.graph.lineages import around, draw, external, link, unlink

DIAMOND = ("a>b 0.9", "a>c 0.5 DERIVED", "b>d 0.8", "c>d 1 AGGREGATED", "d>e 0.5")


async def test_answers_a_diamond_whole(graph: Graph) -> None:
    await draw(graph, *DIAMOND)
    assert await around(graph, "a") == {
        "nodes": ["b 1 0.9", "c 1 0.5", "d 2 0.72", "e 3 0.36"],
        "edges": ["a>b", "a>c", "b>d", "c>d", "d>e"],
        "total": 4,
        "left_out": None,
    }
    assert await around(graph, "d") == {
        "nodes": ["b -1 0.8", "c -1 1", "e 1 0.5", "a -2 0.72"],
        "edges": ["a>b", "a>c", "b>d", "c>d", "d>e"],
        "total": 4,
        "left_out": None,
    }


async def test_a_depth_leaves_out_what_lies_beyond_it_and_says_so(graph: Graph) -> None:
    await draw(graph, *DIAMOND)
    assert await around(graph, "a", depth=0) == {"nodes": [], "edges": [], "total": 0, "left_out": "depth"}
    assert await around(graph, "a", depth=1) == {
        "nodes": ["b 1 0.9", "c 1 0.5"],
        "edges": ["a>b", "a>c"],
        "total": 2,
        "left_out": "depth",
    }
    assert (await around(graph, "a", depth=2))["left_out"] == "depth"
    assert (await around(graph, "a", depth=3))["left_out"] is None
    assert (await around(graph, "e", depth=0, direction="DOWNSTREAM"))["left_out"] is None


async def test_the_confidence_is_that_of_the_best_chain_however_long(graph: Graph) -> None:
    await draw(graph, "a>b 0.9", "b>c 0.9", "a>c 0.1", "c>d 0.5")
    assert (await around(graph, "a"))["nodes"] == ["b 1 0.9", "c 1 0.81", "d 2 0.405"]
    assert (await around(graph, "a", depth=1))["nodes"] == ["b 1 0.9", "c 1 0.81"]
    assert await around(graph, "a", least=0.81) == {
        "nodes": ["b 1 0.9", "c 1 0.81"],
        "edges": ["a>b", "a>c", "b>c"],
        "total": 2,
        "left_out": None,
    }


async def test_types_hide_all_other_edges(graph: Graph) -> None:
    await draw(graph, *DIAMOND)
    assert await around(graph, "a", types=["DIRECT"]) == {
        "nodes": ["b 1 0.9", "d 2 0.72", "e 3 0.36"],
        "edges": ["a>b", "b>d", "d>e"],
        "total": 3,
        "left_out": None,
    }
    assert await around(graph, "a", types=[]) == {"nodes": [], "edges": [], "total": 0, "left_out": None}


async def test_an_asset_on_both_sides_is_listed_once(graph: Graph) -> None:
    await draw(graph, "a>b 0.5", "b>c 0.5", "c>a 0.9", "c>d 1")
    assert await around(graph, "a") == {
        "nodes": ["b 1 0.5", "c -1 0.9", "d 3 0.25"],
        "edges": ["a>b", "b>c", "c>a", "c>d"],
        "total": 3,
        "left_out": None,
    }
    assert await around(graph, "a", direction="UPSTREAM") == {
        "nodes": ["c -1 0.9", "b -2 0.45"],
        "edges": ["a>b", "b>c", "c>a"],
        "total": 2,
        "left_out": None,
    }


async def test_downstream_counts_on_a_tie(graph: Graph) -> None:
    await draw(graph, "a>b 0.5", "b>a 0.75")
    assert (await around(graph, "a"))["nodes"] == ["b 1 0.75"]


async def test_nothing_is_left_out_where_the_other_side_lists_it(graph: Graph) -> None:
    await draw(graph, "a>b", "b>c", "c>a")
    assert (await around(graph, "a", depth=1))["left_out"] is None
    assert (await around(graph, "a", depth=1, direction="DOWNSTREAM"))["left_out"] == "depth"
    await draw(graph, "b>d", "c>d", "d>e")
    assert (await around(graph, "a", depth=1))["left_out"] == "depth"
    assert (await around(graph, "a", depth=2))["left_out"] == "depth"
    assert (await around(graph, "a", depth=3))["left_out"] is None


async def test_an_asset_without_edges_stands_alone(graph: Graph) -> None:
    await draw(graph, "a>b")
    await unlink(graph, external("a"), external("b"))
    alone = {"nodes": [], "edges": [], "total": 0, "left_out": None}
    assert await around(graph, "a") == alone
    await graph.ask('mutation { registerDataset(input: {name: "d", schema: {x: "int"}}) { dataset { id } } }')
    data = await graph.ask('{ lineage(of: "dataset:d") { root { id name } nodes { depth } totalAssets position } }')
    assert data["lineage"] == {
        "root": {"id": "dataset:d", "name": "d"},
        "nodes": [],
        "totalAssets": 0,
        "position": 3,
    }


async def test_answers_as_of_any_position(graph: Graph) -> None:
    first = await draw(graph, "a>b 0.5")
    second = await draw(graph, "a>b 0.75")
    third = await draw(graph, "b>c")
    await unlink(graph, external("b"), external("c"))
    text = (
        "query($p: BigInt!, $of: ID!) { catalog(atPosition: $p) { lineage(of: $of) {"
        " position nodes { asset { name upstream { position totalAssets } } confidence } edges { id } } } }"
    )

    async def at(position: int) -> list[tuple[str, float]]:
        data = (await graph.ask(text, p=position, of=external("a")))["catalog"]["lineage"]
        assert data["position"] == position
        assert [node["asset"]["upstream"] for node in data["nodes"]] == [
            {"position": position, "totalAssets": number} for number, _ in enumerate(data["nodes"], 1)
        ]
        return [(node["asset"]["name"], node["confidence"]) for node in data["nodes"]]

    assert [await at(position) for position in (first, second, third, third + 1)] == [
        [("b", 0.5)],
        [("b", 0.75)],
        [("b", 0.75), ("c", 0.75)],
        [("b", 0.75)],
    ]
    refused = await graph.refused(text, p=0, of=external("a"))
    assert refused[0] == "NOT_FOUND"


async def test_every_kind_of_asset_tells_what_feeds_it(graph: Graph) -> None:
    await graph.ask('mutation { createDomain(input: {name: "sales", owner: "o"}) { domain { id } } }')
    await graph.ask(
        'mutation { registerDataProduct(input: {name: "p", domain: "sales", owner: "o", schema: {a: "int"}})'
        " { dataProduct { id } } }"
    )
    await graph.ask('mutation { registerDataset(input: {name: "d", schema: {a: "int"}}) { dataset { id } } }')
    await link(graph, external("a%2Fb"), "dataset:d", transformation="copied", metadata={"job": 7})
    await link(graph, "dataset:d", "product:p", confidence=0.5)
    sides = "upstream { nodes { asset { __typename name } depth } } downstream(depth: 1) { nodes { asset { name } } }"
    data = await graph.ask(
        f'{{ dataset(name: "d") {{ {sides} }} dataProduct(name: "p") {{ {sides} }}'
        f' node(id: "external:erp/a%2Fb") {{ ... on ExternalAsset {{ name namespace kind {sides} }} }} }}'
    )
    assert data == {
        "dataset": {
            "upstream": {"nodes": [{"asset": {"__typename": "ExternalAsset", "name": "a/b"}, "depth": -1}]},
            "downstream": {"nodes": [{"asset": {"name": "p"}}]},
        },
        "dataProduct": {
            "upstream": {
                "nodes": [
                    {"asset": {"__typename": "Dataset", "name": "d"}, "depth": -1},
                    {"asset": {"__typename": "ExternalAsset", "name": "a/b"}, "depth": -2},
                ]
            },
            "downstream": {"nodes": []},
        },
        "node": {
            "name": "a/b",
            "namespace": "erp",
            "kind": "DATASET",
            "upstream": {"nodes": []},
            "downstream": {"nodes": [{"asset": {"name": "d"}}]},
        },
    }
    rows = await graph.ask(
        '{ lineage(of: "product:p") { root { ... on DataProduct { domain { name } } } nodes { asset { id'
        " ... on Dataset { schema { name } } ... on ExternalAsset { namespace } } }"
        " edges { source { name } target { name } lineageType transformation metadata columnsUnknown closesLoop"
        " columns { target } } } }"
    )
    plain = {"lineageType": "DIRECT", "columnsUnknown": None, "closesLoop": False, "columns": []}
    assert rows["lineage"] == {
        "root": {"domain": {"name": "sales"}},
        "nodes": [
            {"asset": {"id": "dataset:d", "schema": [{"name": "a"}]}},
            {"asset": {"id": "external:erp/a%2Fb", "namespace": "erp"}},
        ],
        "edges": [
            {"source": {"name": "d"}, "target": {"name": "p"}, "transformation": "", "metadata": {}, **plain},
            {
                "source": {"name": "a/b"},
                "target": {"name": "d"},
                "transformation": "copied",
                "metadata": {"job": 7},
                **plain,
            },
        ],
    }


async def test_a_deleted_product_leaves_every_graph_but_not_the_past(graph: Graph) -> None:
    await graph.ask('mutation { createDomain(input: {name: "sales", owner: "o"}) { domain { id } } }')
    await graph.ask(
        'mutation { registerDataProduct(input: {name: "p", domain: "sales", owner: "o", schema: {a: "int"}})'
        " { dataProduct { id } } }"
    )
    await link(graph, external("a"), "product:p")
    before = await link(graph, "product:p", external("z"))
    await graph.ask('mutation { deleteDataProduct(input: {name: "p"}) { deletedId } }')
    assert (await around(graph, "a"))["nodes"] == []
    assert (await graph.refused('{ lineage(of: "product:p") { totalAssets } }'))[0] == "NOT_FOUND"
    data = await graph.ask(
        'query($p: BigInt!) { catalog(atPosition: $p) { lineage(of: "product:p") { nodes { asset { name } } } } }',
        p=before,
    )
    assert [node["asset"]["name"] for node in data["catalog"]["lineage"]["nodes"]] == ["a", "z"]


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ('of: "a"', ("BAD_USER_INPUT", "does not say what it is: write product:<name>, dataset:<name>")),
        ('of: "batch:a"', ("BAD_USER_INPUT", "does not say what it is")),
        ('of: "dataset:none"', ("NOT_FOUND", "is not known; register it with registerDataset")),
        ('of: "external:erp/none"', ("NOT_FOUND", "is not known")),
        ('of: "external:erp/a", depth: -1', ("BAD_USER_INPUT", "depth -1 is negative")),
        ('of: "external:erp/a", minConfidence: 1.01', ("BAD_USER_INPUT", "minConfidence 1.01 is not between 0 and 1")),
        ('of: "external:erp/a", minConfidence: -0.5', ("BAD_USER_INPUT", "minConfidence -0.5 is not between 0 and 1")),
    ],
)
async def test_refuses_what_it_cannot_answer(graph: Graph, asked: str, refusal: tuple[str, str]) -> None:
    await draw(graph, "a>b")
    code, message = await graph.refused(f"{{ lineage({asked}) {{ totalAssets }} }}")
    assert (code, refusal[1] in message) == (refusal[0], True), message


async def test_an_asset_that_came_later_is_not_told_to_be_registered(graph: Graph) -> None:
    await draw(graph, "a>b")
    query = '{ catalog(atPosition: 0) { lineage(of: "external:erp/a") { totalAssets } } }'
    assert await graph.refused(query) == (
        "NOT_FOUND",
        "of 'external:erp/a' did not stand at position 0; ask for a later one",
    )
    query = '{ catalog(atPosition: 0) { lineage(of: "external:erp/none") { totalAssets } } }'
    assert await graph.refused(query) == (
        "NOT_FOUND",
        "of 'external:erp/none' is not known; registerLineage makes it known at its first mention",
    )

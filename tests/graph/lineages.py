"""Assets and edges registered through the graph, and what is asked about them."""

from typing import Any

from tests.graph.conftest import Graph

REGISTER = """mutation($input: RegisterLineageInput!) {
  registerLineage(input: $input) { edge { id } events { position } }
}"""
AROUND = """query($of: ID!, $direction: LineageDirection, $depth: Int, $least: Float, $types: [LineageType!]) {
  lineage(of: $of, direction: $direction, depth: $depth, minConfidence: $least, types: $types) {
    root { id } nodes { asset { id } depth confidence } edges { id } totalAssets complete truncatedBecause
  }
}"""


def external(name: str) -> str:
    """The URN of an asset that only lineage knows."""
    return f"external:erp/{name}"


async def link(graph: Graph, source: str, target: str, **terms: Any) -> int:
    """Register an edge; the position of its event."""
    data = await graph.ask(REGISTER, input={"source": source, "target": target, "allowCycle": True, **terms})
    return int(data["registerLineage"]["events"][-1]["position"])


async def unlink(graph: Graph, source: str, target: str) -> None:
    """Remove an edge."""
    await graph.ask(
        "mutation($s: ID!, $t: ID!) { removeLineage(input: {source: $s, target: $t}) { deletedId } }",
        s=source,
        t=target,
    )


async def draw(graph: Graph, *edges: str) -> int:
    """Edges of external assets such as `a>b` or `a>b 0.5 DERIVED`; the position of the last."""
    position = 0
    for edge in edges:
        pair, *terms = edge.split()
        source, target = pair.split(">")
        said: dict[str, Any] = {"confidence": float(terms[0])} if terms else {}
        if len(terms) > 1:
            said["lineageType"] = terms[1]
        position = await link(graph, external(source), external(target), **said)
    return position


async def around(graph: Graph, of: str, **asked: Any) -> dict[str, Any]:
    """The neighbourhood of an external asset in short words: nodes as `name depth confidence`, edges as `a>b`."""
    data = (await graph.ask(AROUND, of=external(of), **asked))["lineage"]
    return shortened(data)


def shortened(data: dict[str, Any]) -> dict[str, Any]:
    """A neighbourhood in short words."""
    nodes = [f"{short(node['asset']['id'])} {node['depth']} {node['confidence']:g}" for node in data["nodes"]]
    left_out = data["truncatedBecause"]
    assert data["complete"] is (left_out is None)
    edges = [short(edge["id"].removeprefix("lineage:")) for edge in data["edges"]]
    return {"nodes": nodes, "edges": edges, "total": data["totalAssets"], "left_out": left_out}


def short(text: str) -> str:
    """URNs without what all of them begin with."""
    return text.replace("external:erp/", "")

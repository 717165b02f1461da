"""The number of SQL statements of a query does not depend on the number of rows."""

from collections import Counter

from tests.graph.batches import fill
from tests.graph.conftest import Graph

EVERYTHING = """{
  datasets(first: 50) { totalCount nodes {
    name schemaHistory { version }
    events(first: 2) { totalCount nodes { type } }
    contracts(first: 5) { totalCount nodes {
      contractId dataset { name }
      batches(first: 2) { totalCount nodes { batchId } } events(first: 1) { totalCount nodes { type } }
    } }
    batches(first: 3, filter: {status: PUBLISHED}) { totalCount pageInfo { hasNextPage } nodes {
      batchId dataset { name } contract { contractId }
      qualityReports { passed } privacyReports { rows }
      grants { consumer url { url } batch { batchId } }
      events(first: 2) { totalCount nodes { type } }
    } }
  } }
  events(first: 60) { nodes {
    ... on DataAppended { batch { status } dataset { name } contract { version } }
    ... on ConsumptionGranted { grant { consumer } batch { status } }
  } }
  nodes(ids: ["dataset:d0", "contract:c0", "batch:b0-0"]) { id }
}"""


# The same rows are asked for at this many depths of the query; each depth is one turn, and turns may overlap.
DEPTHS = 5


async def test_sends_no_statement_once_for_each_row(graph: Graph) -> None:
    await fill(graph, datasets=range(12))
    sent = await statements(graph)
    assert max(sent.values()) <= DEPTHS, sent.most_common(3)
    assert sum(sent.values()) < 60


async def test_pins_the_position_once_for_all_fields(graph: Graph) -> None:
    graph.statements.clear()
    await graph.ask("{ a: datasets { totalCount } b: batches { totalCount } c: serverInfo { position } }")
    assert [text for text in graph.statements if "event_head" in text] == ["select position from event_head"]


async def test_pages_of_many_parents_are_those_of_each(graph: Graph) -> None:
    await fill(graph, datasets=range(3))
    data = await graph.ask(
        "{ datasets { nodes { name batches(first: 1) { totalCount pageInfo { hasNextPage hasPreviousPage endCursor }"
        " nodes { batchId } } } } }"
    )
    nodes = data["datasets"]["nodes"]
    assert [(n["name"], n["batches"]["totalCount"], [b["batchId"] for b in n["batches"]["nodes"]]) for n in nodes] == [
        ("d0", 2, ["b0-0"]),
        ("d1", 2, ["b1-0"]),
        ("d2", 2, ["b2-0"]),
    ]
    assert all(n["batches"]["pageInfo"]["hasNextPage"] for n in nodes)
    after = nodes[1]["batches"]["pageInfo"]["endCursor"]
    data = await graph.ask(
        'query($after: String!) { dataset(name: "d1") { batches(first: 5, after: $after) { totalCount'
        " pageInfo { hasNextPage hasPreviousPage } nodes { batchId } } } }",
        after=after,
    )
    assert data["dataset"]["batches"] == {
        "totalCount": 2,
        "pageInfo": {"hasNextPage": False, "hasPreviousPage": True},
        "nodes": [{"batchId": "b1-1"}],
    }


async def statements(graph: Graph) -> Counter[str]:
    """How often the query sends each statement; the answer is looked at, for nothing asked is nothing counted."""
    graph.statements.clear()
    data = await graph.ask(EVERYTHING)
    sent = Counter(text for text in graph.statements if "places" in text or "p.id" in text or "position" in text)
    assert all(n["batches"]["totalCount"] == 1 and n["contracts"]["totalCount"] == 1 for n in data["datasets"]["nodes"])
    assert all(n["batches"]["nodes"][0]["grants"][0]["url"] is not None for n in data["datasets"]["nodes"])
    return sent

"""The number of SQL statements behind the rows of many datasets is that of one."""

from server.adapters.storage import layout
from tests.graph.batches import fill
from tests.graph.conftest import Graph

ROWS = (
    "query($first: Int!) { datasets(first: $first) { nodes { bronze: recordCount gold: recordCount(layer: GOLD)"
    " streamUrl { method } } } }"
)


async def test_finds_the_files_of_many_datasets_together(graph: Graph) -> None:
    await fill(graph, datasets=range(4))
    storage = graph.parts.storage
    for n in range(4):
        for key in (layout.bronze(f"d{n}", f"b{n}-0", 1), layout.bronze(f"d{n}", f"b{n}-1", 1)):
            place(graph, key)
        place(graph, layout.gold(f"d{n}", f"b{n}-0", 3))
    assert storage.exists(layout.gold("d3", "b3-0", 3))
    sent: list[int] = []
    for first in (1, 4):
        graph.statements.clear()
        found = (await graph.ask(ROWS, first=first))["datasets"]["nodes"]
        assert found == [{"bronze": 2, "gold": 1, "streamUrl": {"method": "GET"}}] * first
        sent.append(len(graph.statements))
    assert sent[0] == sent[1]
    assert sent[0] < 20


def place(graph: Graph, key: str) -> None:
    """An object whose content nobody reads."""
    staged = graph.parts.storage.staging()
    staged.write_bytes(b"rows")
    graph.parts.storage.commit(staged, key)

"""A domain with a product and datasets, told through the graph."""

from typing import Any

from tests.graph.conftest import Graph

FIELDS = [{"name": "order_id", "type": "int", "primaryKey": True}, {"name": "total", "type": "decimal(12,2)"}]


async def do(graph: Graph, mutation: str, select: str = "events { type }", /, **given: Any) -> Any:
    """The payload of a mutation."""
    return (await graph.ask(document(mutation, select), input=given))[mutation]


async def refused(graph: Graph, mutation: str, /, **given: Any) -> tuple[str, str]:
    """Why a mutation records nothing."""
    before = (await graph.ask("{ serverInfo { position } }"))["serverInfo"]["position"]
    answer = await graph.refused(document(mutation, "events { type }"), input=given)
    assert (await graph.ask("{ serverInfo { position } }"))["serverInfo"]["position"] == before
    return answer


def document(mutation: str, select: str) -> str:
    kind = f"{mutation[0].upper()}{mutation[1:]}Input"
    return f"mutation($input: {kind}!) {{ {mutation}(input: $input) {{ {select} }} }}"


async def shop(graph: Graph) -> None:
    """A domain with one product, one dataset in it and one beside it."""
    await do(graph, "createDomain", name="sales", owner="ann", description="Whatever is sold.")
    await do(graph, "registerDataProduct", name="orders", domain="sales", owner="bob", fields=FIELDS, tags=["Daily "])
    await do(graph, "registerDataset", name="orders-eu", product="product:orders", schema={"order_id": "int"})
    await do(graph, "registerDataset", name="carts", domain="sales", schema={"cart_id": "int"})

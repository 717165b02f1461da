"""Two servers at the same moment: a limit of edges is exact, a name has one spelling, a key is used once."""

import asyncio
from collections import Counter
from typing import Any

from tests.graph.conftest import Graph, Opened

MOST = 12
KEYED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("createDomain", {"name": "sales", "owner": "ann"}),
    ("updateDomain", {"name": "sales", "owner": "bob"}),
    ("registerDataProduct", {"name": "orders", "domain": "sales", "owner": "ann", "schema": {"a": "int"}}),
    ("updateDataProduct", {"name": "orders", "owner": "eve", "status": "DEPRECATED"}),
    ("registerDataset", {"name": "orders-eu", "product": "orders", "schema": {"a": "int"}}),
    ("registerLineage", {"source": "external:erp/Orders", "target": "product:orders"}),
    ("registerLineage", {"source": "external:erp/Orders", "target": "product:orders", "confidence": 0.5}),
    ("registerLineage", {"source": "product:orders", "target": "dataset:orders-eu", "sql": "select a from orders"}),
    ("removeLineage", {"source": "product:orders", "target": "dataset:orders-eu"}),
    ("deleteDataProduct", {"name": "orders"}),
)


async def answered(graph: Graph, mutation: str, /, **given: Any) -> Any:
    """The events of a mutation, or the code of its refusal."""
    kind = f"{mutation[0].upper()}{mutation[1:]}Input"
    document = f"mutation($input: {kind}!) {{ {mutation}(input: $input) {{ events {{ position type }} }} }}"
    result = await graph.schema.execute(
        document, variable_values={"input": given}, context_value=graph.context(graph.admin)
    )
    if result.errors is not None:
        return (result.errors[0].extensions or {})["code"]
    assert result.data is not None
    return result.data[mutation]["events"]


async def test_no_more_edges_than_allowed_whoever_registers_them(opened: Opened) -> None:
    two = (await opened(max_lineage_entries=MOST), await opened(max_lineage_entries=MOST))
    answers = await asyncio.gather(
        *(
            answered(two[n % 2], "registerLineage", source=f"external:erp/s{n}", target=f"external:erp/t{n % 5}")
            for n in range(3 * MOST)
        )
    )
    assert answers.count("LIMIT_EXCEEDED") == 2 * MOST
    for graph in two:
        assert await graph.ask("{ lineageEdges { totalCount } }") == {"lineageEdges": {"totalCount": MOST}}


async def test_of_spellings_that_come_at_once_one_is_known(opened: Opened) -> None:
    two = (await opened(), await opened())
    for number in range(8):
        names = [
            f"external:Caf%C3%A9/Cups{number}",
            f"external:cafe%CC%81/cups{number}",
            f"external:CAF%C3%89/c%55ps{number}",
        ]
        answers = await asyncio.gather(
            *(
                answered(two[n % 2], "registerLineage", source=name, target=f"external:x/{number}-{n}")
                for n, name in enumerate(names)
            )
        )
        assert Counter(map(str, answers))["ALREADY_EXISTS"] == 2
        assert [len(answer) for answer in answers if answer != "ALREADY_EXISTS"] == [1]


async def test_a_key_that_comes_to_two_servers_at_once_is_used_once(opened: Opened) -> None:
    two = (await opened(), await opened())
    for number, (mutation, given) in enumerate(KEYED):
        head = (await two[0].ask("{ serverInfo { position } }"))["serverInfo"]["position"]
        answers = await asyncio.gather(
            *(answered(two[n % 2], mutation, **given, idempotencyKey=f"k{number}") for n in range(6))
        )
        assert all(answer == answers[0] for answer in answers), answers
        assert [event["position"] for event in answers[0]] == list(range(head + 1, head + 1 + len(answers[0])))
        assert (await two[1].ask("{ serverInfo { position } }"))["serverInfo"]["position"] == head + len(answers[0])
        assert answers[0] != []

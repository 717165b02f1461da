"""Two server processes at the same moment: limits are exact, and no dataset stays in a product that is gone."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from server.adapters.store.listing import At
from server.adapters.store.reader import NOW
from server.assembly.assembled import Assembly, assemble
from server.database import open_database
from server.kernel.ids import Urn
from server.mesh.batch.commands import PublishData, PublishGate
from server.mesh.batch.queries import GrantRow
from server.mesh.product import limit
from server.settings import Settings
from tests.graph.batches import append
from tests.graph.batches import do as record
from tests.graph.conftest import Graph

Two: TypeAlias = tuple[Graph, Graph]
MOST = 7


@pytest.fixture
async def two(database_url: str, tmp_path: Path) -> AsyncIterator[Two]:
    """Two meshes on one database, each with connections of its own, and room for a few products."""
    settings = Settings(data_dir=tmp_path, database_url=database_url, max_products=MOST)
    async with AsyncExitStack() as stack:
        parts: list[Assembly] = []
        for _ in range(2):
            database = await stack.enter_async_context(open_database(settings))
            parts.append(await stack.enter_async_context(assemble(settings, database)))
        first, second = Graph(parts[0]), Graph(parts[1])
        await do(first, "createDomain", name="sales", owner="ann")
        yield first, second


@pytest.fixture
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Far below the limit two registrations are under way in a process."""
    monkeypatch.setattr(limit, "TOGETHER", 2)
    monkeypatch.setattr(limit, "NEAR", 4)


async def do(graph: Graph, mutation: str, /, **given: Any) -> str:
    """OK, or the code of the refusal."""
    kind = f"{mutation[0].upper()}{mutation[1:]}Input"
    document = f"mutation($input: {kind}!) {{ {mutation}(input: $input) {{ events {{ type }} }} }}"
    result = await graph.schema.execute(
        document, variable_values={"input": given}, context_value=graph.context(graph.admin)
    )
    return "OK" if result.errors is None else str((result.errors[0].extensions or {})["code"])


async def register(graph: Graph, name: str) -> str:
    return await do(graph, "registerDataProduct", name=name, domain="sales", owner="ann", schema={"a": "int"})


async def test_no_more_products_than_allowed_whoever_registers_them(two: Two) -> None:
    answers = await asyncio.gather(*(register(two[n % 2], f"p{n}") for n in range(3 * MOST)))
    assert Counter(answers) == {"OK": MOST, "LIMIT_EXCEEDED": 2 * MOST}
    data = await two[0].ask("{ dataProducts { totalCount nodes { name } } }")
    assert data["dataProducts"]["totalCount"] == MOST
    gone = data["dataProducts"]["nodes"][0]["name"]
    assert await do(two[1], "deleteDataProduct", name=gone) == "OK"
    assert [await register(two[0], "one-more"), await register(two[1], "too-many")] == ["OK", "LIMIT_EXCEEDED"]


@pytest.mark.usefixtures("few_at_once")
async def test_a_burst_that_begins_far_below_the_limit_ends_at_it(two: Two) -> None:
    answers = await asyncio.gather(*(register(two[n % 2], f"p{n}") for n in range(5 * MOST)))
    assert Counter(answers) == {"OK": MOST, "LIMIT_EXCEEDED": 4 * MOST}


async def test_one_of_two_changes_at_one_revision_wins(two: Two) -> None:
    await register(two[0], "orders")
    for revision in range(1, 4):
        answers = await asyncio.gather(
            *(
                do(graph, "updateDataProduct", name="orders", owner=f"{number}-{revision}", expectedVersion=revision)
                for number, graph in enumerate(two)
            )
        )
        assert sorted(answers) == ["CONFLICT", "OK"]
    data = await two[0].ask('{ dataProduct(name: "orders") { revision owner } }')
    assert data["dataProduct"]["revision"] == 4
    assert data["dataProduct"]["owner"].endswith("-3")


async def test_a_dataset_is_never_left_in_a_product_that_is_gone(two: Two) -> None:
    for n in range(5):
        await register(two[0], "orders")
        names = [f"d{n}-{m}" for m in range(6)]
        answers = await asyncio.gather(
            *(
                do(two[m % 2], "registerDataset", name=name, product="orders", schema={"a": "int"})
                for m, name in enumerate(names[:3])
            ),
            do(two[1], "deleteDataProduct", name="orders"),
            *(
                do(two[m % 2], "registerDataset", name=name, product="orders", schema={"a": "int"})
                for m, name in enumerate(names[3:])
            ),
        )
        assert answers[3] == "OK"
        made = [name for name, answer in zip(names, [*answers[:3], *answers[4:]], strict=True) if answer == "OK"]
        assert Counter(answers) == Counter({"OK": len(made) + 1, "NOT_FOUND": 6 - len(made)}) - Counter()
        rows = await two[0].parts.mesh.datasets.by_ids([At(f"dataset:{name}", NOW) for name in names])
        assert sorted(row.name for row in rows.values()) == made
        assert {(row.product, row.domain) for row in rows.values()} <= {(None, "domain:sales")}


async def test_no_edge_is_left_on_a_product_that_is_gone(two: Two) -> None:
    for n in range(4):
        await register(two[0], "orders")
        await register(two[0], "other")
        edges = [
            do(two[m % 2], "registerLineage", source="product:orders", target=f"external:warehouse/t{n}-{m}")
            for m in range(4)
        ]
        answers = await asyncio.gather(*edges[:2], do(two[1], "deleteDataProduct", name="orders"), *edges[2:])
        assert answers[2] == "OK"
        assert set(answers) <= {"OK", "NOT_FOUND"}
        for graph in two:
            data = await graph.ask("{ lineageEdges { totalCount } }")
            assert data["lineageEdges"]["totalCount"] == 0
        assert await do(two[0], "deleteDataProduct", name="other") == "OK"


@pytest.mark.parametrize("published", ["before", "meanwhile"])
async def test_a_grant_that_comes_while_a_deletion_is_decided_keeps_the_product(
    two: Two, monkeypatch: pytest.MonkeyPatch, published: str
) -> None:
    first, second = two
    await register(first, "orders")
    assert await do(first, "registerDataset", name="d0", product="orders", schema={"a": "int"}) == "OK"
    assert await do(first, "createContract", contractId="c0", dataset="d0") == "OK"
    await append(first, 0, 0)
    batch = Urn("batch:b0-0")
    gate = PublishGate(has_quality_rules=False, personal=(), kept=())
    publish = PublishData(batch=batch, gate=gate, attempt=2, bronze=1, silver=None)
    if published == "before":
        await record(first, batch, publish)
    batches = first.parts.mesh.batches
    looks: list[int] = []
    read = batches.live_grants

    async def live_then_given(asked: Sequence[str], instant: datetime) -> Sequence[GrantRow]:
        """The grants at each look; another process gives one right after the first."""
        found = await read(asked, instant)
        looks.append(len(found))
        if len(looks) == 1:
            if published == "meanwhile":
                await record(second, batch, publish)
            assert await do(second, "grantConsumption", batchId=batch, consumer="eve") == "OK"
        return found

    monkeypatch.setattr(batches, "live_grants", live_then_given)
    assert await do(first, "deleteDataProduct", name="orders") == "PRECONDITION_FAILED"
    assert looks == [0, 1]
    assert await first.ask('{ dataProduct(name: "orders") { revision } }') == {"dataProduct": {"revision": 1}}

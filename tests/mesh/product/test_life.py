"""Data products and the rows behind them: who may read keeps a product, its domain keeps the keys."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.mesh.at_work import AtWork, at_work

TEXT = "n,word,price\n1,ann,1\n2,bob,2\n3,ann,3\n"
HASHED = [{"column": "word", "strategy": "HASH"}]


@pytest.fixture
async def mesh(database_url: str, tmp_path: Path) -> AsyncIterator[AtWork]:
    async with at_work(database_url, tmp_path) as made:
        for domain in ("sales", "trade"):
            await made.do("createDomain", name=domain, owner="ann")
        await made.do("registerDataProduct", name="orders", domain="sales", owner="ann", schema={"n": "int"})
        yield made


async def dataset(mesh: AtWork, name: str, **place: str) -> None:
    fields = [{"name": "n", "type": "int"}, {"name": "word", "type": "string"}, {"name": "price", "type": "float"}]
    await mesh.do("registerDataset", name=name, fields=fields, **place)
    await mesh.do("createContract", dataset=name, contractId=f"{name}-c", privacyRules=HASHED)


async def words(mesh: AtWork, name: str) -> list[str]:
    """What the privacy rules made of the words in silver."""
    asked = f'{{ dataset(name: "{name}") {{ records(layer: SILVER, orderBy: {{field: "n"}}) {{ nodes }} }} }}'
    nodes = (await mesh.ask(asked))["dataset"]["records"]["nodes"]
    return [orjson.loads(orjson.dumps(node))["word"] for node in nodes]


async def preview(mesh: AtWork, batch: str) -> list[str]:
    """What the same rules would make of the first rows."""
    data = await mesh.ask(f'{{ previewAnonymization(batchId: "{batch}") {{ after }} }}')
    return [orjson.loads(orjson.dumps(row))["word"] for row in data["previewAnonymization"]["after"]]


async def granted(mesh: AtWork, name: str, batch: str) -> str:
    """A grant on a new published batch of the dataset."""
    await mesh.append(name, batch, TEXT)
    await mesh.do("anonymizeData", batchId=batch)
    await mesh.do("publishData", batchId=batch)
    payload = await mesh.do("grantConsumption", "grant { id }", batchId=batch, consumer="eve")
    return str(payload["grant"]["id"])


async def test_equal_values_get_equal_tokens_inside_a_domain_and_never_across(mesh: AtWork) -> None:
    places = {"a": {"product": "orders"}, "b": {"domain": "sales"}, "c": {"domain": "trade"}, "d": dict[str, str]()}
    tokens: dict[str, list[str]] = {}
    for name, place in places.items():
        await dataset(mesh, name, **place)
        await mesh.append(name, f"{name}1", TEXT)
        await mesh.do("anonymizeData", batchId=f"{name}1")
        tokens[name] = await words(mesh, name)
        assert await preview(mesh, f"{name}1") == tokens[name], "a preview shows what will be"
    assert tokens["a"] == tokens["b"]
    assert [len(set(made)) for made in tokens.values()] == [2, 2, 2, 2]
    assert len(set(tokens["b"]) | set(tokens["c"]) | set(tokens["d"])) == 6


async def test_a_replay_after_the_products_deletion_makes_the_same_tokens(mesh: AtWork) -> None:
    await dataset(mesh, "a", product="orders")
    await mesh.append("a", "a1", TEXT)
    await mesh.do("anonymizeData", batchId="a1")
    before = await words(mesh, "a")
    await mesh.do("deleteDataProduct", name="orders")
    payload = await mesh.do("requestReplay", "run { status } events { type }", dataset="a")
    assert payload["run"]["status"] == "SUCCEEDED"
    assert "BatchReplayed" in [event["type"] for event in payload["events"]]
    assert await words(mesh, "a") == before


async def test_live_grants_keep_a_product_until_they_end(mesh: AtWork) -> None:
    await dataset(mesh, "a", product="orders")
    await dataset(mesh, "b", domain="sales")
    first, second = await granted(mesh, "a", "a1"), await granted(mesh, "a", "a2")
    await granted(mesh, "b", "b1")
    assert await deletion_refused(mesh) == (
        "PRECONDITION_FAILED",
        f"consumers may still read data product 'orders': {first} on batch:a1, {second} on batch:a2;"
        " revoke the grants with revokeConsumption, or wait until they end",
    )
    await mesh.do("revokeConsumption", grant=first)
    assert (await deletion_refused(mesh))[1].startswith(
        f"consumers may still read data product 'orders': {second} on batch:a2;"
    )
    await mesh.do("revokeConsumption", grant=second)
    payload = await mesh.do("deleteDataProduct", "deletedId events { type }", name="orders")
    assert payload == {"deletedId": "product:orders", "events": [{"type": "DataProductDeleted"}]}


async def test_a_domain_hears_of_everything_in_it_and_a_product_of_its_own(mesh: AtWork) -> None:
    await dataset(mesh, "a", product="orders")
    await dataset(mesh, "b", domain="trade")
    await dataset(mesh, "c")
    grant = await granted(mesh, "a", "a1")
    await mesh.append("b", "b1", TEXT)
    await mesh.append("c", "c1", TEXT)
    await mesh.do("revokeConsumption", grant=grant)
    await mesh.do("deleteDataProduct", name="orders")
    await mesh.do("evolveSchema", dataset="a", schema={"n": "int"}, compatibility="NONE")
    product = [
        "DataProductRegistered product:orders",
        "DatasetRegistered dataset:a",
        "DataContractDefined contract:a-c",
        "DataAppended batch:a1",
        "DataAnonymized batch:a1",
        "DataPublished batch:a1",
        "ConsumptionGranted batch:a1",
        "ConsumptionRevoked batch:a1",
        "DataProductDeleted product:orders",
    ]
    assert await told(mesh, 'product: "orders"') == product
    assert await told(mesh, 'domain: "domain:sales"') == [
        "DomainCreated domain:sales",
        *product,
        "DatasetSchemaEvolved dataset:a",
    ]
    assert await told(mesh, 'domain: "sales", dataset: "a", types: ["DatasetSchemaEvolved"]') == [
        "DatasetSchemaEvolved dataset:a"
    ]
    assert await told(mesh, 'domain: "trade"') == [
        "DomainCreated domain:trade",
        "DatasetRegistered dataset:b",
        "DataContractDefined contract:b-c",
        "DataAppended batch:b1",
    ]
    assert await told(mesh, 'dataset: "a", types: ["DataProductDeleted"]') == ["DataProductDeleted product:orders"]


async def told(mesh: AtWork, only: str) -> list[str]:
    """The events that a filter finds, in order."""
    nodes: list[Any] = (await mesh.ask(f"{{ events(filter: {{{only}}}) {{ nodes {{ type stream }} }} }}"))["events"][
        "nodes"
    ]
    return [f"{node['type']} {node['stream']}" for node in nodes]


async def deletion_refused(mesh: AtWork) -> tuple[str, str]:
    return await mesh.refused('mutation { deleteDataProduct(input: {name: "orders"}) { deletedId } }')

"""What rests on an asset or on some of its columns: assets, contracts, live grants, consumers, domains."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server.kernel.caller import Caller
from server.kernel.ids import Kind, urn
from server.mesh.batch.commands import GrantConsumption, RevokeConsumption
from server.mesh.lineage import impact as rests
from tests.graph.batches import do, fill
from tests.graph.conftest import Graph
from tests.graph.lineages import link

IMPACT = """query($of: ID!, $columns: [String!]) { impact(of: $of, columns: $columns) {
  assets { asset { id } depth confidence }
  contracts { id } grants { id consumer batch { id } } consumers domains { id } complete
} }"""


async def impact(graph: Graph, of: str, *columns: str) -> dict[str, Any]:
    """Each list as ids; assets as `id depth`."""
    found = (await graph.ask(IMPACT, of=of, columns=list(columns) or None))["impact"]
    return {
        "assets": [f"{node['asset']['id']} {node['depth']}" for node in found["assets"]],
        "contracts": [one["id"] for one in found["contracts"]],
        "batches": [grant["batch"]["id"] for grant in found["grants"]],
        "consumers": found["consumers"],
        "domains": [one["id"] for one in found["domains"]],
        "complete": found["complete"],
    }


async def ask(graph: Graph, mutation: str, kind: str, **given: Any) -> None:
    """A mutation."""
    await graph.ask(f"mutation($given: {kind}!) {{ {mutation}(input: $given) {{ events {{ type }} }} }}", given=given)


async def columns_dataset(graph: Graph, name: str, *columns: str, **places: str) -> None:
    """A dataset of text columns, with a contract that says something of each, named by dataset and column."""
    await ask(
        graph, "registerDataset", "RegisterDatasetInput", name=name, schema=dict.fromkeys(columns, "string"), **places
    )
    for column in columns:
        rules = [{"column": column, "check": "not null"}]
        contract = f"{name}-{column}"
        await ask(graph, "createContract", "CreateContractInput", dataset=name, contractId=contract, qualityRules=rules)


async def mesh(graph: Graph) -> None:
    """Edges from raw to clean with columns, from clean to board without, from clean to audit with."""
    for domain in ("sales", "risk"):
        await ask(graph, "createDomain", "CreateDomainInput", name=domain, owner="ann")
    await columns_dataset(graph, "raw", "id", "amount", domain="sales")
    await columns_dataset(graph, "clean", "key", "total", domain="sales")
    await columns_dataset(graph, "board", "figure", "share", domain="risk")
    await columns_dataset(graph, "audit", "who")
    links = [{"target": "key", "sources": ["id"]}, {"target": "total", "sources": ["amount"]}]
    await link(graph, "dataset:raw", "dataset:clean", columns=links, confidence=0.5)
    await link(graph, "dataset:clean", "dataset:board")
    await link(graph, "dataset:clean", "dataset:audit", columns=[{"target": "who", "sources": ["key"]}])


async def test_a_whole_asset_concerns_everything_downstream(graph: Graph) -> None:
    await mesh(graph)
    assert await impact(graph, "dataset:raw") == {
        "assets": ["dataset:clean 1", "dataset:audit 2", "dataset:board 2"],
        "contracts": [
            f"contract:{name}"
            for name in (
                "audit-who",
                "board-figure",
                "board-share",
                "clean-key",
                "clean-total",
                "raw-amount",
                "raw-id",
            )
        ],
        "batches": [],
        "consumers": [],
        "domains": ["domain:risk", "domain:sales"],
        "complete": True,
    }
    nodes = (await graph.ask(IMPACT, of="dataset:raw"))["impact"]["assets"]
    assert [node["confidence"] for node in nodes] == [0.5, 0.5, 0.5]


async def test_columns_concern_what_is_made_of_them_and_all_behind_an_edge_without_columns(graph: Graph) -> None:
    await mesh(graph)
    found = await impact(graph, "dataset:raw", "amount")
    assert found["assets"] == ["dataset:clean 1", "dataset:board 2"]
    assert found["contracts"] == [
        "contract:board-figure",
        "contract:board-share",
        "contract:clean-total",
        "contract:raw-amount",
    ]
    found = await impact(graph, "dataset:raw", "id", "amount")
    assert found["assets"] == ["dataset:clean 1", "dataset:audit 2", "dataset:board 2"]
    assert len(found["contracts"]) == 7


async def test_an_indirect_column_concerns_too_and_one_that_nothing_uses_does_not(graph: Graph) -> None:
    await columns_dataset(graph, "raw", "id", "amount", "note")
    await columns_dataset(graph, "clean", "total")
    sql = "select sum(amount) as total from raw where note is not null"
    await link(graph, "dataset:raw", "dataset:clean", sql=sql)
    for column, assets in (("note", ["dataset:clean 1"]), ("amount", ["dataset:clean 1"]), ("id", [])):
        assert (await impact(graph, "dataset:raw", column))["assets"] == assets


async def test_a_rule_names_columns_in_its_check_too(graph: Graph) -> None:
    schema = dict.fromkeys("abc", "string")
    await ask(graph, "registerDataset", "RegisterDatasetInput", name="raw", schema=schema)
    checks = {"pair": "unique with (a, b)", "when": "not null when b = 'x'", "text": "in ('b')"}
    for name, check in checks.items():
        rules = [{"column": "a", "check": check}]
        await ask(graph, "createContract", "CreateContractInput", dataset="raw", contractId=name, qualityRules=rules)
    mask = [{"column": "c", "strategy": "REDACT"}]
    await ask(graph, "createContract", "CreateContractInput", dataset="raw", contractId="mask", privacyRules=mask)
    assert (await impact(graph, "dataset:raw", "b"))["contracts"] == ["contract:pair", "contract:when"]
    assert (await impact(graph, "dataset:raw", "c"))["contracts"] == ["contract:mask"]
    await ask(graph, "retireContract", "RetireContractInput", contract="mask", reason="over")
    assert (await impact(graph, "dataset:raw", "c"))["contracts"] == []


async def test_lists_live_grants_on_published_batches_and_their_consumers_once(graph: Graph) -> None:
    await fill(graph, datasets=range(3))
    await link(graph, "dataset:d0", "dataset:d1")
    batch = urn(Kind.BATCH, "b1-0")
    for consumer, seconds in (("analytics", 3600), ("ending", 0), ("bureau", 3600), ("revoked", 3600)):
        grant = urn(Kind.GRANT, str(uuid.uuid4()))
        ends = datetime.now(UTC) + timedelta(seconds=seconds)
        given = GrantConsumption(
            batch=batch, grant=grant, consumer=consumer, purpose=None, format="PARQUET", expires_at=ends
        )
        await do(graph, batch, given)
        if consumer == "revoked":
            await do(graph, batch, RevokeConsumption(batch=batch, grant=grant, reason=None))
    found = await impact(graph, "dataset:d0")
    assert found["batches"] == ["batch:b0-0", "batch:b1-0", "batch:b1-0", "batch:b1-0"]
    assert found["consumers"] == ["analytics", "bureau"]
    assert (await impact(graph, "dataset:d1"))["consumers"] == ["analytics", "bureau"]
    assert (await impact(graph, "dataset:d2"))["batches"] == ["batch:b2-0"]
    await ask(graph, "quarantineBatch", "QuarantineBatchInput", batchId="b1-0", reason="wrong")
    assert (await impact(graph, "dataset:d1"))["batches"] == []


async def test_a_product_concerns_the_datasets_that_it_hands_out(graph: Graph) -> None:
    await ask(graph, "createDomain", "CreateDomainInput", name="sales", owner="ann")
    product = {"name": "orders", "domain": "sales", "owner": "ann", "schema": {"id": "string", "sum": "string"}}
    await ask(graph, "registerDataProduct", "RegisterDataProductInput", **product)
    await columns_dataset(graph, "raw", "id", "sum")
    await columns_dataset(graph, "orders-eu", "id", "sum", product="orders")
    await link(graph, "dataset:raw", "product:orders", columns=[{"target": "id", "sources": ["id"]}])
    found = await impact(graph, "dataset:raw", "id")
    assert found["assets"] == ["product:orders 1"]
    assert found["contracts"] == ["contract:orders-eu-id", "contract:orders-eu-sum", "contract:raw-id"]
    assert found["domains"] == ["domain:sales"]
    await link(graph, "dataset:raw", "dataset:orders-eu", columns=[{"target": "id", "sources": ["id"]}])
    found = await impact(graph, "dataset:raw", "id")
    assert found["assets"] == ["dataset:orders-eu 1", "product:orders 1"]
    assert found["contracts"] == ["contract:orders-eu-id", "contract:orders-eu-sum", "contract:raw-id"]


@pytest.mark.parametrize("of", ["dataset:raw", "dataset:clean"])
async def test_says_where_a_list_was_cut(graph: Graph, monkeypatch: pytest.MonkeyPatch, of: str) -> None:
    await mesh(graph)
    monkeypatch.setattr(rests, "MAX_EACH", 1)
    found = await impact(graph, of)
    assert (len(found["contracts"]), len(found["domains"]), found["complete"]) == (1, 1, False)
    monkeypatch.setattr(rests, "MAX_EACH", 2)
    found = await impact(graph, "dataset:board")
    assert (len(found["contracts"]), found["complete"]) == (2, True)


async def test_who_may_not_read_rows_sees_no_grants(graph: Graph, anonymous: Caller) -> None:
    await fill(graph, datasets=range(1))
    for field in ("grants { id }", "consumers"):
        code, _ = await graph.refused('{ impact(of: "dataset:d0") { complete ' + field + " } }", anonymous)
        assert code == "UNAUTHENTICATED"


async def test_refuses_columns_that_are_not_there(graph: Graph) -> None:
    await mesh(graph)
    refused = await graph.refused(IMPACT, of="dataset:raw", columns=["amout"])
    assert refused == (
        "BAD_USER_INPUT",
        "column 'amout' is not in the schema of 'dataset:raw'; did you mean 'amount'?",
    )
    refused = await graph.refused(IMPACT, of="dataset:raw", columns=[])
    assert refused == ("BAD_USER_INPUT", "columns is empty; name some, or leave it out for the whole asset")
    refused = await graph.refused(IMPACT, of="dataset:raw", columns=["id"] * 501)
    assert refused[0] == "LIMIT_EXCEEDED"


async def test_the_number_of_statements_does_not_depend_on_the_rows(graph: Graph) -> None:
    await fill(graph, datasets=range(12))
    for n in range(1, 12):
        await link(
            graph, "dataset:d0" if n < 6 else "dataset:d5", f"dataset:d{n}", columns=[{"target": "a", "sources": ["a"]}]
        )
    await impact(graph, "dataset:d0", "a")
    sent = []
    for of, size in (("dataset:d0", 11), ("dataset:d5", 6), ("dataset:d11", 0)):
        graph.statements.clear()
        assert len((await impact(graph, of, "a"))["assets"]) == size
        sent.append(len([text for text in graph.statements if "event_head" not in text and "UNLISTEN" not in text]))
    assert max(sent) <= 14, sent

"""A replay under a stricter contract: what no longer passes keeps its files and is named, the rest is made anew."""

from decimal import Decimal

from tests.system.serving import ServerProcess
from tests.system.story import MORE, Json, append, do, published, register, rows

STRICTER = [{"column": "spent", "check": "<= 100"}]
HIDDEN = [{"column": "email", "strategy": "REDACT"}]
CATALOG = "{ batches { nodes { batchId status layers rowCount contractVersion } } }"


async def test_a_batch_that_breaks_a_stricter_rule_keeps_its_files_and_is_named(server: ServerProcess) -> None:
    await register(server)
    await published(server, "b1")
    await published(server, "b2", MORE)
    await append(server, "b3")
    await do(server, "quarantineBatch", batchId="b3", reason="set apart")
    urls = {batch: await granted(server, batch) for batch in ("b1", "b2")}
    before = {batch: await rows(url) for batch, url in urls.items()}
    await do(server, "updateContract", contract="people-contract", qualityRules=STRICTER, privacyRules=HIDDEN)
    select = "run { status } events { type stream data }"
    replayed = await do(server, "requestReplay", select, dataset="people", reason="a stricter contract")
    assert [(event["type"], event["stream"]) for event in replayed["events"]] == [
        ("ReplayRequested", "dataset:people"),
        ("BatchReplayed", "batch:b1"),
        ("ReplayCompleted", "dataset:people"),
    ]
    assert replayed["run"] == {"status": "SUCCEEDED"}
    kept = "1 of 1 rules broken: spent <= 100"
    assert replayed["events"][-1]["data"]["batches"] == [
        {"batch": "batch:b1", "outcome": "replayed", "rows_before": 3, "rows_after": 3, "reason": None},
        {"batch": "batch:b2", "outcome": "kept", "rows_before": 2, "rows_after": 2, "reason": kept},
    ]
    everywhere = ["BRONZE", "SILVER", "GOLD"]
    assert (await server.ask(CATALOG))["batches"]["nodes"] == [
        {"batchId": "b1", "status": "PUBLISHED", "layers": everywhere, "rowCount": 3, "contractVersion": 2},
        {"batchId": "b2", "status": "PUBLISHED", "layers": everywhere, "rowCount": 2, "contractVersion": 1},
        {"batchId": "b3", "status": "QUARANTINED", "layers": ["BRONZE"], "rowCount": 3, "contractVersion": 1},
    ]
    assert await rows(await granted(server, "b1")) == [row | {"email": None} for row in before["b1"]]
    assert await rows(await granted(server, "b2")) == before["b2"]
    assert before["b2"] == [
        {"_id": "b2-000000000000", "_batch_id": "b2", "id": 4, "email": "d***@example.com", "spent": Decimal(400)},
        {"_id": "b2-000000000001", "_batch_id": "b2", "id": 5, "email": "e***@example.org", "spent": Decimal(5)},
    ]


async def granted(server: ServerProcess, batch: str) -> str:
    """A fresh address of the batch's published file."""
    made: Json = await do(server, "grantConsumption", "grant { url { url } }", batchId=batch, consumer="analytics")
    url: str = made["grant"]["url"]["url"]
    return url

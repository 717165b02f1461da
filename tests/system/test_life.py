"""The whole life of a batch as its owner sees it: over HTTP, with a window in which each event appears."""

from decimal import Decimal

from tests.system.serving import ServerProcess
from tests.system.story import (
    BATCH,
    CSV,
    FIELDS,
    PRIVACY,
    QUALITY,
    Json,
    do,
    get,
    head,
    refusal,
    register,
    rows,
    upload,
    window,
)

LIVE = "subscription { events(after: 0) { type stream position } }"
GRANT = "grant { id consumer revokedAt url { url method } } events { position type stream }"
SUCCEEDED = {"status": "SUCCEEDED", "progress": 1.0}
QUARANTINED = "batch 'b1' is quarantined (a wrong export); release it with releaseBatch first"
MASKED = [
    {"_id": "b1-000000000000", "_batch_id": "b1", "id": 1, "email": "a***@example.com", "spent": Decimal("10.50")},
    {"_id": "b1-000000000001", "_batch_id": "b1", "id": 2, "email": "b***@example.org", "spent": Decimal("20.00")},
    {"_id": "b1-000000000002", "_batch_id": "b1", "id": 3, "email": "c***@example.net", "spent": Decimal("30.00")},
]


def event(position: int, type: str, stream: str = "batch:b1") -> Json:
    """An event as the window shows it."""
    return {"type": type, "stream": stream, "position": position}


def batch(status: str, revision: int, *layers: str) -> Json:
    """The batch as a payload shows it."""
    return {"id": "batch:b1", "status": status, "layers": list(layers), "rowCount": 3, "revision": revision}


async def test_a_batch_lives_from_its_schema_to_its_replay(server: ServerProcess) -> None:
    async with window(server, LIVE, "events") as shown:
        await a_dataset_is_registered(server)
        assert await shown.next() == [event(1, "DatasetRegistered", "dataset:people")]
        await a_contract_is_made(server)
        assert await shown.next() == [event(2, "DataContractDefined", "contract:people-contract")]
        await a_file_becomes_a_published_batch(server)
        assert await shown.next(4) == [
            event(3, "DataAppended"),
            event(4, "QualityCheckPassed"),
            event(5, "DataAnonymized"),
            event(6, "DataPublished"),
        ]
        grant, url = await it_is_granted(server)
        assert await rows(url) == MASKED
        assert await shown.next() == [event(7, "ConsumptionGranted")]
        await it_is_quarantined(server, grant, url)
        assert await shown.next() == [event(8, "BatchQuarantined")]
        await it_is_released(server)
        assert await rows(url) == MASKED
        assert await shown.next() == [event(9, "QuarantineReleased")]
        await it_is_replayed(server)
        assert await shown.next(3) == [
            event(10, "ReplayRequested", "dataset:people"),
            event(11, "BatchReplayed"),
            event(12, "ReplayCompleted", "dataset:people"),
        ]
        fresh = await url_of(server, grant)
        assert fresh is not None
        assert fresh != url
        assert await rows(fresh) == MASKED
        await the_grant_is_revoked(server, grant)
        assert [(await get(old)).status_code for old in (url, fresh)] == [403, 403]
        assert await shown.next() == [event(13, "ConsumptionRevoked")]
        assert shown.empty
    log = await server.ask("{ verifyLog { intact checked firstBrokenPosition } }")
    assert log == {"verifyLog": {"intact": True, "checked": 13, "firstBrokenPosition": None}}


async def a_dataset_is_registered(server: ServerProcess) -> None:
    made = await do(
        server,
        "registerDataset",
        "dataset { id name revision schemaVersion containsPii schema { name type nullable pii } }"
        " events { position type stream version actor }",
        name="people",
        fields=FIELDS,
    )
    assert made == {
        "dataset": {
            "id": "dataset:people",
            "name": "people",
            "revision": 1,
            "schemaVersion": 1,
            "containsPii": True,
            "schema": [
                {"name": "id", "type": "int", "nullable": False, "pii": False},
                {"name": "email", "type": "string", "nullable": True, "pii": True},
                {"name": "spent", "type": "decimal(10,2)", "nullable": True, "pii": False},
            ],
        },
        "events": [event(1, "DatasetRegistered", "dataset:people") | {"version": 1, "actor": "admin"}],
    }


async def a_contract_is_made(server: ServerProcess) -> None:
    made = await do(
        server,
        "createContract",
        "contract { id version status dataset { id } qualityRules { column check severity threshold }"
        " privacyRules { column strategy params } } events { position type stream }",
        contractId="people-contract",
        dataset="people",
        qualityRules=QUALITY,
        privacyRules=PRIVACY,
    )
    assert made == {
        "contract": {
            "id": "contract:people-contract",
            "version": 1,
            "status": "ACTIVE",
            "dataset": {"id": "dataset:people"},
            "qualityRules": [
                {"column": "id", "check": "unique", "severity": "ERROR", "threshold": 0.0},
                {"column": "spent", "check": "> 0", "severity": "ERROR", "threshold": 0.0},
            ],
            "privacyRules": [{"column": "email", "strategy": "MASK", "params": None}],
        },
        "events": [event(2, "DataContractDefined", "contract:people-contract")],
    }


async def a_file_becomes_a_published_batch(server: ServerProcess) -> None:
    file = await upload(server, CSV)
    assert await head(server) == 2
    made = await do(
        server, "appendData", BATCH, dataset="people", contractId="people-contract", batchId="b1", fileUrl=file
    )
    assert made == {
        "batch": batch("APPENDED", 1, "BRONZE"),
        "run": {"kind": "APPEND"} | SUCCEEDED,
        "events": [event(3, "DataAppended")],
    }
    assert await do(server, "runQualityCheck", BATCH, batchId="b1") == {
        "batch": batch("QUALITY_PASSED", 2, "BRONZE"),
        "run": {"kind": "QUALITY_CHECK"} | SUCCEEDED,
        "events": [event(4, "QualityCheckPassed")],
    }
    assert await do(server, "anonymizeData", BATCH, batchId="b1") == {
        "batch": batch("ANONYMIZED", 3, "BRONZE", "SILVER"),
        "run": {"kind": "ANONYMIZE"} | SUCCEEDED,
        "events": [event(5, "DataAnonymized")],
    }
    assert await do(server, "publishData", BATCH, batchId="b1") == {
        "batch": batch("PUBLISHED", 4, "BRONZE", "SILVER", "GOLD"),
        "run": {"kind": "PUBLISH"} | SUCCEEDED,
        "events": [event(6, "DataPublished")],
    }


async def it_is_granted(server: ServerProcess) -> tuple[str, str]:
    """The grant and its address."""
    made = await do(server, "grantConsumption", GRANT, batchId="b1", consumer="analytics", purpose="a report")
    grant, url = made["grant"]["id"], made["grant"]["url"]["url"]
    assert made == {
        "grant": {"id": grant, "consumer": "analytics", "revokedAt": None, "url": {"url": url, "method": "GET"}},
        "events": [event(7, "ConsumptionGranted")],
    }
    assert url.startswith(f"{server.url}/storage/")
    return grant, url


async def it_is_quarantined(server: ServerProcess, grant: str, url: str) -> None:
    assert await do(server, "quarantineBatch", BATCH, batchId="b1", reason="a wrong export") == {
        "batch": batch("QUARANTINED", 6, "BRONZE", "SILVER", "GOLD"),
        "run": None,
        "events": [event(8, "BatchQuarantined")],
    }
    assert (await get(url)).status_code == 403
    assert await url_of(server, grant) is None
    refused = {"code": "PRECONDITION_FAILED", "message": QUARANTINED}
    for step in ("runQualityCheck", "anonymizeData", "publishData"):
        assert await refusal(server, step, batchId="b1") == refused
    assert await refusal(server, "grantConsumption", batchId="b1", consumer="another") == refused
    assert await head(server) == 8


async def it_is_released(server: ServerProcess) -> None:
    assert await do(server, "releaseBatch", BATCH, batchId="b1", reason="it was right") == {
        "batch": batch("PUBLISHED", 7, "BRONZE", "SILVER", "GOLD"),
        "run": None,
        "events": [event(9, "QuarantineReleased")],
    }


async def it_is_replayed(server: ServerProcess) -> None:
    made = await do(
        server,
        "requestReplay",
        "dataset { id } run { kind status progress } events { position type stream"
        " ... on ReplayCompleted { batches { batch rowsBefore rowsAfter reason } } }",
        dataset="people",
    )
    report = {"batch": "batch:b1", "rowsBefore": 3, "rowsAfter": 3, "reason": None}
    assert made == {
        "dataset": {"id": "dataset:people"},
        "run": {"kind": "REPLAY"} | SUCCEEDED,
        "events": [
            event(10, "ReplayRequested", "dataset:people"),
            event(11, "BatchReplayed"),
            event(12, "ReplayCompleted", "dataset:people") | {"batches": [report]},
        ],
    }


async def the_grant_is_revoked(server: ServerProcess, grant: str) -> None:
    made = await do(server, "revokeConsumption", GRANT, grant=grant, reason="the report is done")
    assert made["events"] == [event(13, "ConsumptionRevoked")]
    assert made["grant"]["revokedAt"] is not None
    assert made["grant"]["url"] is None


async def test_who_does_not_wait_gets_the_run_and_follows_it_to_its_end(server: ServerProcess) -> None:
    await register(server)
    file = await upload(server, CSV)
    made = await do(
        server,
        "appendData",
        "batch { id } run { id status batchId batch { id } } events { type }",
        dataset="people",
        contractId="people-contract",
        batchId="b1",
        fileUrl=file,
        waitSeconds=0,
    )
    run = made["run"]["id"]
    assert made == {
        "batch": None,
        "run": {"id": run, "status": made["run"]["status"], "batchId": "b1", "batch": None},
        "events": [],
    }
    assert made["run"]["status"] in ("QUEUED", "RUNNING")
    query = "subscription ($id: ID!) { processRun(id: $id) { status progress rowsDone batch { id rowCount } } }"
    states = [message["processRun"] async for message in server.subscribe(query, id=run)]
    order = ["QUEUED", "RUNNING", "SUCCEEDED"]
    places = [order.index(state["status"]) for state in states]
    assert places == sorted(places)
    assert states[-1] == {
        "status": "SUCCEEDED",
        "progress": 1.0,
        "rowsDone": 3,
        "batch": {"id": "batch:b1", "rowCount": 3},
    }
    assert await head(server) == 3


async def url_of(server: ServerProcess, grant: str) -> str | None:
    """The address that the grant gives now."""
    query = "query ($id: ID!) { node(id: $id) { ... on ConsumptionGrant { url { url } } } }"
    url = (await server.ask(query, id=grant))["node"]["url"]
    return None if url is None else str(url["url"])

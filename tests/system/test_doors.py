"""Who may see what: the catalog is open while PUBLIC_READ says so; rows, events and changes always need the key."""

import json
from pathlib import Path

import httpx
import pytest
import websockets

from tests.system.serving import ServerProcess, serving
from tests.system.story import Json, do, document, published, register

NEEDS_A_KEY = ("UNAUTHENTICATED", "this needs a key; send 'Authorization: Bearer <key>'")
WRONG_KEY = "this key is not known; send the one that was printed at the server's first start"
CATALOG = """{
  serverInfo { position }
  domains(first: 5) { nodes { name products(first: 5) { nodes { name } } datasets(first: 5) { nodes { name } } } }
  dataProducts { nodes { name version domain { name } } }
  datasets { nodes {
    name product { name } domain { name } schema { name }
    contracts { nodes { contractId } } batches { nodes { batchId } }
  } }
  impact(of: "dataset:people") { assets { depth } contracts { contractId } domains { name } complete }
  columnLineage(of: "dataset:people", column: "email") { nodes { column } complete }
  dataLakes(first: 5) { nodes { name datasets(first: 5) { nodes { lake { id } } } } }
  catalog(atPosition: 3) { batches { nodes { batchId status rowCount qualityReports { passed } } } }
  processRuns { nodes { status kind } }
  node(id: "batch:b1") { id }
}"""
GUARDED = (
    '{ batch(id: "b1") { rejectedRows { line } } }',
    '{ batch(id: "b1") { qualityReports { results { sample } } } }',
    '{ batch(id: "b1") { grants { url { url } } } }',
    '{ batch(id: "b1") { events { totalCount } } }',
    '{ dataset(name: "people") { events { totalCount } } }',
    '{ dataset(name: "people") { records { totalCount } } }',
    '{ dataset(name: "people") { record(id: "b1-000000000000") } }',
    '{ dataset(name: "people") { recordCount } }',
    '{ dataset(name: "people") { streamUrl { url } } }',
    '{ previewAnonymization(batchId: "b1") { rows } }',
    '{ suggestPrivacyRules(batchId: "b1") { kind } }',
    "{ analytics { consumption { grants } } }",
    '{ impact(of: "dataset:people") { grants { id } } }',
    '{ impact(of: "dataset:people") { consumers } }',
    '{ contract(id: "people-contract") { events { totalCount } } }',
    '{ domain(name: "people-domain") { events { totalCount } } }',
    '{ dataProduct(name: "people-product") { events { totalCount } } }',
    "{ events { totalCount } }",
    "{ verifyLog { intact } }",
    '{ dataLake(id: "eu") { events { totalCount } } }',
    '{ dataLake(id: "eu") { deletions { totalCount } } }',
    '{ dataLake(id: "eu") { accessLog { totalCount } } }',
    '{ revealPseudonym(dataset: "people", column: "email", value: "p1:x", purpose: "no") }',
    '{ node(id: "deletion:none") { id } }',
    '{ erasureReceipt(deletion: "none") { receipt } }',
    '{ exportAudit(lake: "eu") { url } }',
    "{ checkpoints { totalCount } }",
    '{ node(id: "event:1") { id } }',
    '{ nodes(ids: ["grant:none"]) { id } }',
    "{ processRuns { nodes { error } } }",
    "{ processRuns { nodes { errorDetails } } }",
)
MUTATIONS: dict[str, Json] = {
    "createDomain": {"name": "sales", "owner": "ann"},
    "updateDomain": {"name": "sales", "owner": "ann"},
    "registerDataProduct": {"name": "orders", "domain": "sales", "owner": "ann", "schema": {"id": "int"}},
    "updateDataProduct": {"name": "orders", "owner": "ann"},
    "deleteDataProduct": {"name": "orders"},
    "registerDataset": {"name": "other", "schema": {"id": "int"}},
    "evolveSchema": {"dataset": "people", "schema": {"id": "int"}},
    "createContract": {"dataset": "people"},
    "updateContract": {"contract": "people-contract"},
    "retireContract": {"contract": "people-contract", "reason": "no"},
    "createUploadUrl": {"filename": "a.csv"},
    "appendData": {"dataset": "people", "contractId": "people-contract", "fileUrl": "x"},
    "createRecord": {"dataset": "people", "contractId": "people-contract", "values": {}},
    "createRecords": {"dataset": "people", "contractId": "people-contract", "records": []},
    "runQualityCheck": {"batchId": "b1"},
    "anonymizeData": {"batchId": "b1"},
    "publishData": {"batchId": "b1"},
    "quarantineBatch": {"batchId": "b1", "reason": "no"},
    "releaseBatch": {"batchId": "b1", "reason": "no"},
    "registerLineage": {"source": "dataset:people", "target": "external:n/a"},
    "removeLineage": {"source": "dataset:people", "target": "external:n/a"},
    "grantConsumption": {"batchId": "b1", "consumer": "me"},
    "revokeConsumption": {"grant": "none"},
    "requestReplay": {"dataset": "people"},
    "createDataLake": {"lakeId": "us", "name": "US", "owner": "ann", "region": "us-east-1"},
    "ingestDataset": {"lake": "eu", "dataset": "people", "dataSource": "crm", "recordCount": 1},
    "requestGdprDeletion": {"lake": "eu", "subjectId": "user-1", "reason": "asked", "requestedBy": "desk"},
    "processGdprDeletion": {"deletion": "none"},
    "holdGdprDeletion": {"deletion": "none", "reason": "no"},
    "releaseGdprDeletion": {"deletion": "none", "reason": "no"},
    "rejectGdprDeletion": {"deletion": "none", "reason": "no"},
    "auditAccess": {"lake": "eu", "dataset": "people", "accessor": "me", "action": "read", "purpose": "no"},
}


async def test_without_a_key_the_catalog_is_open_and_nothing_else(server: ServerProcess) -> None:
    await register(server)
    await published(server, "b1")
    await do(server, "createDomain", name="people-domain", owner="ann")
    await do(
        server, "registerDataProduct", name="people-product", domain="people-domain", owner="ann", schema={"id": "int"}
    )
    await do(server, "createDataLake", lakeId="eu", name="EU", owner="ann", region="eu-central-1")
    async with httpx.AsyncClient(base_url=server.url) as anybody:
        assert (await answer(anybody, CATALOG))["data"] == await server.ask(CATALOG)
        for query in GUARDED:
            assert refused(await answer(anybody, query)) == NEEDS_A_KEY, query
        for name, given in MUTATIONS.items():
            assert refused(await answer(anybody, document(name, "__typename"), given)) == NEEDS_A_KEY, name
    assert (await server.ask("{ serverInfo { position } }"))["serverInfo"] == {"position": 9}


async def test_every_mutation_is_tried_without_a_key(server: ServerProcess) -> None:
    fields = (await server.ask('{ __type(name: "Mutation") { fields { name } } }'))["__type"]["fields"]
    assert {field["name"] for field in fields} == set(MUTATIONS)


async def test_a_wrong_key_opens_nothing(server: ServerProcess) -> None:
    for header in ("Bearer wrong-key-wrong-key", f"Bearer {server.key}x", f"Bearer {server.key[:-1]}"):
        response = await ask_with(server, header)
        assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
        assert response.json() == {"errors": [{"message": WRONG_KEY, "extensions": {"code": "UNAUTHENTICATED"}}]}
    assert (await ask_with(server, f"Basic {server.key}")).status_code == 401
    assert (await ask_with(server, f"bearer {server.key}")).status_code == 200


async def test_a_socket_without_the_key_sees_no_event(server: ServerProcess) -> None:
    await register(server)
    query = "subscription { events(after: 0) { type } }"
    assert await first_message(server, {}, query) == NEEDS_A_KEY
    with pytest.raises(websockets.ConnectionClosed) as closed:
        await first_message(server, {"Authorization": "Bearer wrong-key-wrong-key"}, query)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4403


async def test_a_closed_catalog_answers_health_alone(tmp_path: Path) -> None:
    async with serving(tmp_path / "data", PUBLIC_READ="false") as server:
        await do(server, "registerDataset", name="people", schema={"id": "int"})
        assert await server.ask("{ datasets { totalCount } }") == {"datasets": {"totalCount": 1}}
        async with httpx.AsyncClient(base_url=server.url) as anybody:
            for query in (
                "{ datasets { totalCount } }",
                "{ catalog { position } }",
                "{ serverInfo { position } }",
                '{ node(id: "dataset:people") { id } }',
                "{ processRuns { totalCount } }",
                '{ dataset(name: "people") { name } }',
            ):
                assert refused(await answer(anybody, query)) == NEEDS_A_KEY, query
            for path, status in (("live", "live"), ("ready", "ready")):
                response = await anybody.get(f"/health/{path}")
                assert (response.status_code, response.json()) == (200, {"status": status})
        assert await first_message(server, {}, 'subscription { processRun(id: "run:x") { id } }') == NEEDS_A_KEY


async def answer(anybody: httpx.AsyncClient, query: str, given: Json | None = None) -> Json:
    """The answer to somebody."""
    answered: Json = (await anybody.post("/graphql", json={"query": query, "variables": {"input": given}})).json()
    return answered


def refused(answered: Json) -> tuple[str, str]:
    """The code and message of an answer's first error; all its errors say the same."""
    (told,) = {(error["extensions"]["code"], error["message"]) for error in answered["errors"]}
    return told


async def ask_with(server: ServerProcess, authorization: str) -> httpx.Response:
    """The answer to a catalog query under this header."""
    async with httpx.AsyncClient(base_url=server.url) as client:
        headers = {"Authorization": authorization}
        return await client.post("/graphql", json={"query": "{ serverInfo { position } }"}, headers=headers)


async def first_message(server: ServerProcess, payload: Json, query: str) -> tuple[str, str]:
    """The code and message of the error with which a subscription begins."""
    address = f"ws{server.url.removeprefix('http')}/graphql"
    async with websockets.connect(address, subprotocols=[websockets.Subprotocol("graphql-transport-ws")]) as socket:
        await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
        assert json.loads(await socket.recv()) == {"type": "connection_ack"}
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": query}}))
        message = json.loads(await socket.recv())
        assert message["type"] in ("error", "next")
        errors = message["payload"] if message["type"] == "error" else message["payload"]["errors"]
        return errors[0]["extensions"]["code"], errors[0]["message"]

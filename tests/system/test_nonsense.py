"""Requests that make no sense as GraphQL or as JSON: each gets an answer with a code, and the server stays well."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.system.serving import ServerProcess, serving
from tests.system.story import append, do, head, register

pytestmark = pytest.mark.asyncio(loop_scope="module")

REASON = 'mutation ($reason: String!) { quarantineBatch(input: {batchId: "b1", reason: $reason}) { events { type } } }'
REGISTER = "mutation ($input: RegisterDatasetInput!) { registerDataset(input: $input) { events { type } } }"
NEVER_RUN = 'mutation { registerDataset(input: {name: "never", schema: {id: "int"}}) { events { type } } }'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServerProcess]:
    """One server for all of it; in the end it is healthy and has had no fault."""
    async with serving(tmp_path_factory.mktemp("nonsense") / "data") as server:
        await register(server)
        await append(server, "b1")
        yield server
        assert (await server.client.get("/health/ready")).status_code == 200
        assert await server.ask('{ dataset(name: "never") { id } verifyLog { intact } }') == {
            "dataset": None,
            "verifyLog": {"intact": True},
        }
        assert await server.stop() == 0
        assert "Traceback" not in server.log()


DOCUMENTS: dict[str, tuple[str, str]] = {
    "{": ("GRAPHQL_PARSE_FAILED", "Syntax Error: Expected Name, found <EOF>."),
    "{ nothing }": ("GRAPHQL_VALIDATION_FAILED", "Cannot query field 'nothing' on type 'Query'."),
    "{ datasets { nodes } }": ("GRAPHQL_VALIDATION_FAILED", "Field 'nodes' of type"),
    "{ datasets(first: 2147483648) { totalCount } }": ("GRAPHQL_VALIDATION_FAILED", "Int cannot represent non 32-bit"),
    '{ datasets(first: "5") { totalCount } }': ("GRAPHQL_VALIDATION_FAILED", "Int cannot represent non-integer"),
    "{ catalog(atPosition: 9223372036854775808) { position } }": (
        "GRAPHQL_VALIDATION_FAILED",
        "Expected value of type",
    ),
    '{ catalog(asOf: "yesterday") { position } }': ("BAD_USER_INPUT", "DateTime cannot represent 'yesterday'; send an"),
    '{ catalog(asOf: "2026-01-01T00:00:00") { position } }': ("BAD_USER_INPUT", "DateTime cannot represent '2026-"),
    '{ catalog(asOf: "0001-01-01T00:00:00+14:00") { position } }': ("BAD_USER_INPUT", "DateTime cannot represent"),
    '{ events(filter: {since: "0001-01-01T00:00:00+14:00"}) { totalCount } }': ("BAD_USER_INPUT", "DateTime cannot"),
    "{ verifyLog(fromPosition: -1) { intact } }": ("BAD_USER_INPUT", "fromPosition -1 is no position of the log; give"),
    "{ verifyLog(fromPosition: 99) { intact } }": ("BAD_USER_INPUT", "fromPosition 99 is no position of the log; give"),
    "{ events(first: 1, last: 1) { totalCount } }": ("BAD_USER_INPUT", "first and last exclude one another; give one"),
    '{ processRun(id: "a/b") { id } }': ("BAD_USER_INPUT", "id 'a/b' is not a name"),
    'mutation { registerDataset(input: {name: 3, schema: {id: "int"}}) { events { type } } }': (
        "GRAPHQL_VALIDATION_FAILED",
        "String cannot represent a non string value.",
    ),
    'mutation { quarantineBatch(input: {batchId: "b1", reason: "a\\u0000b"}) { events { type } } }': (
        "BAD_USER_INPUT",
        "a string in line 1 of the document holds the character NUL; take it out",
    ),
    'mutation { quarantineBatch(input: {batchId: "b1", reason: "a\\ud800b"}) { events { type } } }': (
        "GRAPHQL_PARSE_FAILED",
        "Syntax Error: Invalid Unicode escape sequence",
    ),
    f"query A {{ __typename }} {NEVER_RUN.replace('mutation', 'mutation B')}": (
        "GRAPHQL_VALIDATION_FAILED",
        "the document holds 2 operations; name the one to run",
    ),
    "{ datasets { nodes " + "{ batches { nodes { dataset " * 8 + "{ id }" + " } } }" * 8 + " } }": (
        "LIMIT_EXCEEDED",
        "the operation is 27 levels deep, 15 are allowed; ask in several requests",
    ),
    "{ datasets(first: 500) { nodes { batches(first: 500) { nodes { id } } } } }": (
        "LIMIT_EXCEEDED",
        "the operation costs",
    ),
    "{" * 3000: ("GRAPHQL_PARSE_FAILED", "Syntax Error"),
    "{ " + "__typename " * 2500 + "}": ("LIMIT_EXCEEDED", ""),
}


@pytest.mark.parametrize("query", DOCUMENTS, ids=lambda query: str(query)[:40])
async def test_a_document_without_sense_is_answered_with_its_fault(mesh: ServerProcess, query: str) -> None:
    code, message = DOCUMENTS[query]
    position = await head(mesh)
    (error,) = (await mesh.answer(query))["errors"]
    assert error["extensions"]["code"] == code
    assert error["message"].startswith(message)
    assert await head(mesh) == position


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"name": "never"} | {"nothing": "x" * 900_000}, "Variable '$input' has invalid value: Expected value of type"),
        ({"name": ["never"], "schema": {"id": "int"}}, "Variable '$input' has invalid value"),
        ({"name": None, "schema": {"id": "int"}}, "Variable '$input' has invalid value"),
        ({"name": "ne\0ver", "schema": {"id": "int"}}, "the variable 'input' holds the character NUL; take it out"),
        ({"name": "never", "schema": {"i\0d": "int"}}, "the variable 'input' holds the character NUL; take it out"),
        ({"name": "never", "schema": {"a": {"b": {"c": 1}}}}, "schema is not an object of columns and types"),
        ({"name": "never", "schema": {f"c{n}": "int" for n in range(2_001)}}, "a schema holds at most 2000 fields"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_variables_without_sense_are_refused(mesh: ServerProcess, variables: Any, message: str) -> None:
    position = await head(mesh)
    (error,) = (await mesh.answer(REGISTER, input=variables))["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"].startswith(message)
    assert len(error["message"]) < 1_000
    assert await head(mesh) == position


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"{", 400, "the body cannot be read as JSON in UTF-8; check its syntax"),
        (b"\xff\xfe", 400, "the body cannot be read as JSON in UTF-8; check its syntax"),
        (b"[]", 400, "the body must be a JSON object with the member `query`"),
        (b"{}", 400, "the request has no `query`; send the text of a GraphQL document"),
        (b'{"query": 5}', 400, "`query` must be text or null, it is int"),
        (b'{"query": "{ __typename }", "variables": []}', 400, "`variables` must be an object or null, it is list"),
        (
            b'{"query": "{ __typename }", "variables": {"a": "\\ud800"}}',
            400,
            "the body cannot be read as JSON in UTF-8",
        ),
        (b'{"variables": ' + b"[" * 100_000, 400, "the body cannot be read as JSON in UTF-8; check its syntax"),
        (b"x" * (1024 * 1024 + 1), 413, "the body is larger than the 1048576 bytes allowed; send files to an upload"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_a_body_without_sense_is_declined(mesh: ServerProcess, body: bytes, status: int, message: str) -> None:
    response = await mesh.client.post("/graphql", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == status
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] in ("BAD_USER_INPUT", "LIMIT_EXCEEDED")
    assert error["message"].startswith(message)


async def test_a_mutation_does_not_run_by_get(mesh: ServerProcess) -> None:
    position = await head(mesh)
    response = await mesh.client.get("/graphql", params={"query": NEVER_RUN})
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert response.json()["errors"][0]["message"] == "a mutation must be sent by POST, this came by GET"
    assert await head(mesh) == position
    response = await mesh.client.get("/graphql", params={"query": "{ serverInfo { position } }"})
    assert response.json()["data"] == {"serverInfo": {"position": position}}


async def test_unusual_text_is_kept_as_it_came(mesh: ServerProcess) -> None:
    reason = "\u202e\U0001f469\u200d\U0001f680 e\u0301 \ufeff'; drop table events; -- \"\\ \n\t\x7f " + "x" * 100_000
    await mesh.ask(REASON, reason=reason)
    query = '{ batch(id: "b1") { quarantine { reason } } events(last: 1) { nodes { data } } }'
    found = await mesh.ask(query)
    assert found["batch"]["quarantine"]["reason"] == reason
    assert found["events"]["nodes"][0]["data"]["reason"] == reason
    await do(mesh, "releaseBatch", batchId="b1", reason="enough")


async def test_a_correlation_id_is_answered_and_recorded(mesh: ServerProcess) -> None:
    body = {"query": REGISTER, "variables": {"input": {"name": "traced", "schema": {"id": "int"}}}}
    response = await mesh.client.post("/graphql", json=body, headers={"X-Correlation-Id": "trace-1"})
    assert response.headers["x-correlation-id"] == "trace-1"
    found = await mesh.ask('{ events(filter: {correlationId: "trace-1"}) { nodes { type correlationId } } }')
    assert found["events"]["nodes"] == [{"type": "DatasetRegistered", "correlationId": "trace-1"}]
    for odd in (b"x" * 5_000, "é".encode()):
        async with httpx.AsyncClient(base_url=mesh.url) as anybody:
            answered = await anybody.post(
                "/graphql",
                content=json.dumps({"query": "{ __typename }"}),
                headers=[(b"Content-Type", b"application/json"), (b"X-Correlation-Id", odd)],
            )
        assert answered.status_code == 200
        assert answered.headers["x-correlation-id"] != odd.decode()

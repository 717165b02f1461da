"""GraphQL over HTTP: our own reading of what the specification says a server must, should and may do."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.http.graphql import media
from server.http.graphql.limits import Limits
from tests.http.graphql.asking import BOTH, COST, HELLO, code, post
from tests.http.graphql.toy import client, toy


@BOTH
async def test_an_answer_has_the_media_type_that_was_asked_for(http: httpx.AsyncClient, accept: str) -> None:
    response = await post(http, HELLO, accept)
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{accept}; charset=utf-8"
    assert response.json() == {"data": {"hello": "hello world"}, "extensions": COST}


async def test_without_accept_the_answer_is_json(http: httpx.AsyncClient) -> None:
    request = http.build_request("POST", "/graphql", json=HELLO)
    del request.headers["accept"]
    response = await http.send(request)
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json; charset=utf-8")


async def test_an_answer_that_nobody_can_give_is_406(http: httpx.AsyncClient) -> None:
    response = await post(http, HELLO, "image/png")
    assert (response.status_code, code(response)) == (406, "BAD_USER_INPUT")


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("application/json; charset=utf-16", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("", 415),
    ],
)
async def test_only_json_is_read(http: httpx.AsyncClient, content_type: str, status: int) -> None:
    response = await post(http, HELLO, **{"Content-Type": content_type})
    assert response.status_code == status


async def test_a_compressed_body_is_415(http: httpx.AsyncClient) -> None:
    assert (await post(http, HELLO, **{"Content-Encoding": "gzip"})).status_code == 415


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE"])
async def test_other_methods_are_405(http: httpx.AsyncClient, method: str) -> None:
    response = await http.request(method, "/graphql")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")


BAD_BODIES = [
    b"",
    b"null",
    b"1",
    b'"x"',
    b"true",
    b"[]",
    b'[{"query": "{hello}"}]',
    b"{",
    b'{"query": "{hello}"',
    b"{'query': '{hello}'}",
    b'{"query": "\xff\xfe"}',
    b'{"query": "\xc0\x80"}',
    b'{"query": "\\ud800"}',
    b'{"query": NaN}',
    b'{"query": "{hello}", "variables": Infinity}',
    b"[" * 50_000,
    b"[" * 50_000 + b"]" * 50_000,
    b'{"variables": ' + b'{"a": ' * 2000 + b"1" + b"}" * 2000 + b"}",
    b"9" * 200_000,
    b"{}",
    b'{"query": null}',
    b'{"query": ""}',
    b'{"query": 1}',
    b'{"query": {}}',
    b'{"query": ["{hello}"]}',
    b'{"query": "{hello}", "variables": "x"}',
    b'{"query": "{hello}", "variables": 0}',
    b'{"query": "{hello}", "variables": []}',
    b'{"query": "{hello}", "operationName": 7}',
    b'{"query": "{hello}", "operationName": {}}',
    b'{"query": "{hello}", "extensions": "x"}',
    b'{"query": "{hello}", "extensions": [1]}',
]


@BOTH
@pytest.mark.parametrize("body", BAD_BODIES, ids=range(len(BAD_BODIES)))
async def test_a_body_that_is_no_request_is_400(http: httpx.AsyncClient, body: bytes, accept: str) -> None:
    response = await post(http, body, accept)
    assert (response.status_code, code(response)) == (400, "BAD_USER_INPUT")
    assert response.headers["content-type"] == f"{accept}; charset=utf-8"


@pytest.mark.parametrize("number", [b"9" * 30, b"9" * 5000, b"1e400", b"-" + b"9" * 400])
async def test_a_huge_number_is_the_clients_mistake(http: httpx.AsyncClient, number: bytes) -> None:
    body = b'{"query": "query($n:Int){people(first:$n){totalCount}}", "variables": {"n": ' + number + b"}}"
    response = await post(http, body)
    assert response.status_code in (200, 400)
    assert code(response) == "BAD_USER_INPUT"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    body=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["query", "variables", "operationName", "extensions", "x"]), inner, max_size=4
            )
        ),
        max_leaves=8,
    )
)
async def test_no_json_is_a_fault(body: object) -> None:
    async with client(toy()) as http:
        response = await post(http, body)
    assert response.status_code in (200, 400)
    for error in response.json().get("errors", []):
        assert error["extensions"]["code"] != "INTERNAL"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{nope}", "GRAPHQL_VALIDATION_FAILED"),
        ("query($n:Int!){people(first:$n){totalCount}}", "BAD_USER_INPUT"),
    ],
)
@pytest.mark.parametrize(("accept", "status"), [(media.JSON, 200), (media.GRAPHQL, 400)])
async def test_a_request_that_never_ran_has_no_data(
    http: httpx.AsyncClient, query: str, expected: str, accept: str, status: int
) -> None:
    response = await post(http, {"query": query}, accept)
    assert (response.status_code, code(response)) == (status, expected)


@BOTH
async def test_an_operation_that_failed_has_null_data(http: httpx.AsyncClient, accept: str) -> None:
    response = await post(http, {"query": "{brokenForGood}"}, accept)
    assert (response.status_code, response.json()["data"]) == (200, None)


@BOTH
@pytest.mark.parametrize("absent", [{"variables": None}, {"operationName": None}, {"extensions": None}, {"unknown": 1}])
async def test_null_members_and_unknown_ones_pass(http: httpx.AsyncClient, absent: dict[str, Any], accept: str) -> None:
    assert (await post(http, {**HELLO, **absent}, accept)).json()["data"] == {"hello": "hello world"}


async def test_variables_and_the_operation_name_are_taken(http: httpx.AsyncClient) -> None:
    text = "query A($n:String){hello(name:$n)} query B{hello}"
    answer = await post(http, {"query": text, "variables": {"n": "ada"}, "operationName": "A", "extensions": {"a": 1}})
    assert answer.json()["data"] == {"hello": "hello ada"}


async def test_a_query_may_come_by_get(http: httpx.AsyncClient) -> None:
    parameters = {"query": "query A($n:String){hello(name:$n)}", "variables": '{"n":"ada"}', "operationName": "A"}
    response = await http.get("/graphql", params=parameters)
    assert (response.status_code, response.json()["data"]) == (200, {"hello": "hello ada"})


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"query": ""},
        {"query": "{hello}", "variables": "{"},
        {"query": "{hello}", "variables": "[1]"},
        {"query": "{hello}", "extensions": "1"},
    ],
)
async def test_a_get_that_is_no_request_is_400(http: httpx.AsyncClient, parameters: dict[str, str]) -> None:
    response = await http.get("/graphql", params=parameters)
    assert (response.status_code, code(response)) == (400, "BAD_USER_INPUT")


async def test_null_variables_of_a_get_pass(http: httpx.AsyncClient) -> None:
    response = await http.get("/graphql", params={"query": "{hello}", "variables": "null"})
    assert response.status_code == 200


@pytest.mark.parametrize("accept", [media.JSON, media.GRAPHQL, "*/*", "text/event-stream, application/json"])
async def test_a_mutation_never_runs_by_get(accept: str) -> None:
    it = toy()
    async with client(it) as http:
        response = await http.get("/graphql", params={"query": "mutation{count}"}, headers={"Accept": accept})
    assert (response.status_code, response.headers["allow"], code(response)) == (405, "POST", "BAD_USER_INPUT")
    assert it.world.counts["mutations"] == 0


async def test_a_body_over_the_limit_is_413() -> None:
    body = json.dumps({"query": "{hello}", "x": "y" * 1000}).encode()

    async def chunks() -> AsyncGenerator[bytes, None]:
        for at in range(0, len(body), 100):
            yield body[at : at + 100]

    async with client(toy(Limits(body_bytes=len(body)))) as http:
        assert (await post(http, body)).status_code == 200
    async with client(toy(Limits(body_bytes=len(body) - 1))) as http:
        declared = await post(http, body)
        chunked = await http.post("/graphql", content=chunks(), headers={"Content-Type": "application/json"})
    for response in (declared, chunked):
        assert (response.status_code, code(response)) == (413, "LIMIT_EXCEEDED")

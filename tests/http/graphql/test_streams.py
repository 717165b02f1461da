"""Subscriptions by POST, as server-sent events."""

import json
from typing import Any

import httpx
import pytest

from server.http.graphql import media
from tests.http.graphql.asking import COST, HELLO, post
from tests.http.graphql.toy import served, toy


def events(text: str) -> list[tuple[str, Any]]:
    blocks = [dict(line.split(": ", 1) for line in block.split("\r\n")) for block in text.split("\r\n\r\n") if block]
    return [(block["event"], json.loads(block["data"]) if block["data"] else None) for block in blocks]


@pytest.mark.parametrize(
    "accept", ["text/event-stream", f"{media.GRAPHQL}, {media.JSON}, text/event-stream, multipart/mixed"]
)
async def test_a_subscription_streams_by_post(http: httpx.AsyncClient, accept: str) -> None:
    response = await post(http, {"query": "subscription{ticks(upto: 2)}"}, accept, **{"X-Correlation-Id": "c-7"})
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream"
    assert response.headers["x-correlation-id"] == "c-7"
    assert events(response.text) == [
        ("next", {"data": {"ticks": 1}, "extensions": COST}),
        ("next", {"data": {"ticks": 2}, "extensions": COST}),
        ("complete", None),
    ]


async def test_a_query_may_be_asked_for_as_a_stream(http: httpx.AsyncClient) -> None:
    response = await post(http, HELLO, "text/event-stream")
    assert events(response.text) == [
        ("next", {"data": {"hello": "hello world"}, "extensions": COST}),
        ("complete", None),
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [("subscription{nope}", "GRAPHQL_VALIDATION_FAILED"), ("{", "GRAPHQL_PARSE_FAILED")],
)
async def test_a_stream_that_cannot_begin_says_why(http: httpx.AsyncClient, query: str, expected: str) -> None:
    (name, payload), (last, _) = events((await post(http, {"query": query}, "text/event-stream")).text)
    assert (name, last) == ("next", "complete")
    assert payload["errors"][0]["extensions"]["code"] == expected
    assert "data" not in payload


async def test_a_fault_in_a_stream_is_masked(http: httpx.AsyncClient) -> None:
    response = await post(http, {"query": "subscription{fails}"}, "text/event-stream", **{"X-Correlation-Id": "c-8"})
    first, second, last = events(response.text)
    assert first == ("next", {"data": {"fails": 1}, "extensions": COST})
    assert second[1]["errors"][0]["extensions"] == {"code": "INTERNAL", "correlationId": "c-8"}
    assert last == ("complete", None)
    assert "4711" not in response.text


async def test_a_client_that_leaves_ends_its_stream() -> None:
    it = toy()
    async with served(it.starlette) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        request = {"json": {"query": "subscription{forever}"}, "headers": {"Accept": "text/event-stream"}}
        async with http.stream("POST", "/graphql", **request) as response:  # type: ignore[arg-type]
            lines = response.aiter_lines()
            assert await anext(lines) == "event: next"
        await it.world.stream_ended.wait()


@pytest.mark.parametrize(("method", "accept"), [("GET", "text/event-stream, */*;q=0.1"), ("POST", media.JSON)])
async def test_a_subscription_without_a_stream_is_told_where_to_go(
    http: httpx.AsyncClient, method: str, accept: str
) -> None:
    text = {"query": "subscription{ticks}"}
    body = {"params": text} if method == "GET" else {"json": text}
    response = await http.request(method, "/graphql", headers={"Accept": accept}, **body)  # type: ignore[arg-type]
    assert response.status_code == 400
    assert (
        response.json()["errors"][0]["message"]
        == "a subscription needs a socket, or POST with Accept: text/event-stream"
    )

"""graphql-transport-ws over real sockets: our own reading of what its protocol asks of a server."""

import json
import logging
from typing import Any

import pytest
from websockets.asyncio.client import connect

from server.http.graphql.limits import Limits
from tests.http.graphql.asking import COST
from tests.http.graphql.talking import PROTOCOL, closed, opened, receive, send, socket, subscribe
from tests.http.graphql.toy import served, toy


async def test_a_subscription_streams_and_completes() -> None:
    async with socket() as ws:
        assert ws.subprotocol == PROTOCOL
        await opened(ws)
        await subscribe(ws, "1", "subscription{ticks(upto: 2)}")
        assert [await receive(ws) for _ in range(3)] == [
            {"id": "1", "type": "next", "payload": {"data": {"ticks": 1}, "extensions": COST}},
            {"id": "1", "type": "next", "payload": {"data": {"ticks": 2}, "extensions": COST}},
            {"id": "1", "type": "complete"},
        ]


async def test_queries_and_mutations_run_over_a_socket_too() -> None:
    async with socket() as ws:
        await opened(ws)
        await subscribe(ws, "1", "query($n:String){hello(name:$n)}", variables={"n": "ada"})
        assert (await receive(ws))["payload"]["data"] == {"hello": "hello ada"}
        assert await receive(ws) == {"id": "1", "type": "complete"}
        await subscribe(ws, "1", "mutation A{count} mutation B{count(by: 5)}", operationName="B")
        assert (await receive(ws))["payload"]["data"] == {"count": 5}
        assert await receive(ws) == {"id": "1", "type": "complete"}


async def test_a_ping_is_answered_and_a_pong_is_taken() -> None:
    async with socket() as ws:
        await send(ws, {"type": "ping"})
        assert await receive(ws) == {"type": "pong"}
        await send(ws, {"type": "pong", "payload": {"a": 1}})
        await opened(ws)


@pytest.mark.parametrize(
    "frame",
    [
        "nonsense",
        "[]",
        "null",
        "7",
        '"x"',
        "{}",
        '{"type": 7}',
        '{"type": null}',
        '{"type": "start", "id": "1"}',
        '{"type": "' + "x" * 500 + '"}',
        b"\x00\x01",
        '{"type": "connection_init", "payload": "x"}',
        '{"type": "connection_init", "payload": []}',
        '{"type": "ping", "payload": 1}',
        '{"type": "complete"}',
        '{"type": "complete", "id": 1}',
        '{"type": "subscribe", "payload": {"query": "{hello}"}}',
        '{"type": "subscribe", "id": 1, "payload": {"query": "{hello}"}}',
        '{"type": "subscribe", "id": "", "payload": {"query": "{hello}"}}',
        '{"type": "subscribe", "id": ["1"], "payload": {"query": "{hello}"}}',
        '{"type": "subscribe", "id": "1"}',
        '{"type": "subscribe", "id": "1", "payload": null}',
        '{"type": "subscribe", "id": "1", "payload": "x"}',
        '{"type": "subscribe", "id": "1", "payload": []}',
        '{"type": "subscribe", "id": "1", "payload": {}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": 1}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{hello}", "variables": "x"}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{hello}", "variables": [1]}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{hello}", "extensions": "x"}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{hello}", "operationName": 1}}',
    ],
    ids=lambda frame: str(frame)[:60],
)
async def test_a_frame_that_is_no_message_closes_with_4400(frame: str | bytes) -> None:
    async with socket() as ws:
        if b"connection_init" not in (frame if isinstance(frame, bytes) else frame.encode()):
            await opened(ws)
        await send(ws, frame)
        code, reason = await closed(ws)
        assert code == 4400
        assert reason


async def test_nothing_runs_before_the_connection_is_opened() -> None:
    it = toy()
    async with socket(it) as ws:
        await subscribe(ws, "1", "mutation{count}")
        assert await closed(ws) == (4401, "Unauthorized")
    assert it.world.counts["mutations"] == 0


async def test_a_connection_is_opened_once() -> None:
    async with socket() as ws:
        await opened(ws)
        await send(ws, {"type": "connection_init"})
        assert await closed(ws) == (4429, "Too many initialisation requests")


async def test_a_connection_that_is_not_opened_in_time_is_closed() -> None:
    async with socket(toy(connection_init_seconds=0.01)) as ws:
        assert await closed(ws) == (4408, "Connection initialisation timeout")


async def test_an_id_in_use_is_not_used_again() -> None:
    async with socket() as ws:
        await opened(ws)
        await subscribe(ws, "1", "subscription{forever}")
        await subscribe(ws, "1", "{hello}")
        assert await closed(ws) == (4409, "Subscriber for 1 already exists")


async def test_a_client_completes_its_operation() -> None:
    it = toy()
    async with socket(it) as ws:
        await opened(ws)
        await subscribe(ws, "1", "subscription{forever}")
        assert (await receive(ws))["payload"]["data"] == {"forever": 1}
        await send(ws, {"type": "complete", "id": "1"})
        await it.world.stream_ended.wait()
        await send(ws, {"type": "complete", "id": "nobody knows it"})
        await subscribe(ws, "1", "{hello}")
        assert (await receive(ws))["payload"]["data"] == {"hello": "hello world"}


async def test_a_socket_that_closes_ends_its_operations() -> None:
    it = toy()
    async with served(it.starlette) as port:
        async with connect(f"ws://127.0.0.1:{port}/graphql", subprotocols=[PROTOCOL]) as ws:  # type: ignore[list-item]
            await opened(ws)
            await subscribe(ws, "1", "subscription{forever}")
            await receive(ws)
        await it.world.stream_ended.wait()
        assert it.app.sockets == set()


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{nope}", "GRAPHQL_VALIDATION_FAILED"),
        ("{" + "hello " * 51 + "}", "LIMIT_EXCEEDED"),
        ("{people(first: 100000){nodes{name}}}", "LIMIT_EXCEEDED"),
        ("query A{hello} query B{hello}", "GRAPHQL_VALIDATION_FAILED"),
        ("query($n:Int!){people(first:$n){totalCount}}", "BAD_USER_INPUT"),
        ("", "GRAPHQL_VALIDATION_FAILED"),
    ],
)
async def test_an_operation_that_cannot_run_fails_alone(query: str, code: str) -> None:
    it = toy()
    async with socket(it) as ws:
        await opened(ws)
        await subscribe(ws, "other", "subscription{forever}")
        await receive(ws)
        await subscribe(ws, "1", query)
        answer = await receive(ws)
        errors = answer["payload"] if answer["type"] == "error" else answer["payload"]["errors"]
        assert (answer["id"], [error["extensions"]["code"] for error in errors]) == ("1", [code])
        if answer["type"] == "next":
            assert await receive(ws) == {"id": "1", "type": "complete"}
        it.world.release.set()
        assert await receive(ws) == {"id": "other", "type": "complete"}


async def test_an_unknown_operation_name_fails_alone() -> None:
    async with socket() as ws:
        await opened(ws)
        await subscribe(ws, "1", "query A{hello}", operationName="B")
        answer = await receive(ws)
        assert (answer["type"], answer["payload"][0]["extensions"]["code"]) == ("error", "GRAPHQL_VALIDATION_FAILED")
        await subscribe(ws, "1", "{hello}")
        assert (await receive(ws))["type"] == "next"


@pytest.mark.parametrize(("name", "code"), [("refused", "ALREADY_EXISTS"), ("fails", "INTERNAL")])
async def test_a_stream_that_breaks_says_why_and_completes(
    name: str, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with socket() as ws:
        await opened(ws)
        await subscribe(ws, "1", "subscription{" + name + "}")
        assert (await receive(ws))["payload"]["data"] == {name: 1}
        broken = await receive(ws)
        assert broken["payload"]["errors"][0]["extensions"]["code"] == code
        assert "4711" not in json.dumps(broken)
        assert await receive(ws) == {"id": "1", "type": "complete"}
    logged = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(logged) == (1 if code == "INTERNAL" else 0)


async def test_a_socket_holds_a_bounded_number_of_operations() -> None:
    async with socket(toy(Limits(operations_per_socket=2))) as ws:
        await opened(ws)
        for operation_id in ("1", "2"):
            await subscribe(ws, operation_id, "subscription{forever}")
            await receive(ws)
        await subscribe(ws, "3", "{hello}")
        answer = await receive(ws)
        assert (answer["id"], answer["type"]) == ("3", "error")
        assert answer["payload"][0]["extensions"] == {"code": "LIMIT_EXCEEDED"}
        await send(ws, {"type": "complete", "id": "1"})
        await subscribe(ws, "3", "{hello}")
        assert (await receive(ws))["payload"]["data"] == {"hello": "hello world"}


async def test_another_protocol_is_not_spoken() -> None:
    async with served(toy().starlette) as port:
        protocols: Any = ["graphql-ws"]
        async with connect(f"ws://127.0.0.1:{port}/graphql", subprotocols=protocols) as ws:
            assert await closed(ws) == (4406, "Subprotocol not acceptable")


async def test_operations_of_one_socket_run_side_by_side() -> None:
    it = toy()
    async with socket(it) as ws:
        await opened(ws)
        await subscribe(ws, "slow", "{slow}")
        await subscribe(ws, "quick", "{hello}")
        assert (await receive(ws))["id"] == "quick"
        await receive(ws)
        it.world.release.set()
        assert (await receive(ws))["payload"]["data"] == {"slow": "done"}


async def test_the_deadline_holds_on_sockets_and_not_for_streams() -> None:
    it = toy(Limits(timeout_seconds=0.05))
    async with socket(it) as ws:
        await opened(ws)
        await subscribe(ws, "stream", "subscription{forever}")
        await receive(ws)
        await subscribe(ws, "slow", "{slow}")
        timed_out = await receive(ws)
        assert (timed_out["id"], timed_out["type"]) == ("slow", "error")
        assert timed_out["payload"][0]["extensions"] == {"code": "TIMEOUT"}
        it.world.release.set()
        assert await receive(ws) == {"id": "stream", "type": "complete"}


async def test_a_peer_that_goes_away_leaves_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    it = toy()
    async with served(it.starlette) as port:
        protocols: Any = [PROTOCOL]
        async with connect(f"ws://127.0.0.1:{port}/graphql", subprotocols=protocols) as ws:
            await opened(ws)
            for operation_id in range(20):
                await subscribe(ws, str(operation_id), "subscription{ticks(upto: 500)}")
            await receive(ws)
            ws.transport.abort()
    assert it.app.sockets == set()  # the server has seen its connections end
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []

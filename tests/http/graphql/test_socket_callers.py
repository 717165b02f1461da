"""Who is on a socket: told once, checked once, ended when the key is revoked."""

import logging
from typing import Any

import pytest
from strawberry.http.exceptions import WebSocketDisconnected
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.http.graphql.talking import PROTOCOL, closed, opened, receive, send, socket, subscribe
from tests.http.graphql.toy import served, toy


async def test_a_fault_while_the_context_is_made_fails_the_operation_alone(caplog: pytest.LogCaptureFixture) -> None:
    it = toy()
    make = it.app.build_context
    async with socket(it) as ws:
        await opened(ws)
        it.app.build_context = lambda incoming: [][0]
        await subscribe(ws, "1", "{hello}")
        answer = await receive(ws)
        it.app.build_context = make
        await subscribe(ws, "1", "{hello}")
        assert (await receive(ws))["payload"]["data"] == {"hello": "hello world"}
    assert (answer["type"], answer["payload"][0]["message"]) == ("error", "internal error")
    assert len([record for record in caplog.records if record.levelno >= logging.ERROR]) == 1


@pytest.mark.parametrize(
    ("payload", "caller"),
    [
        ({}, "anybody"),
        ({"Authorization": "Bearer good"}, "ada"),
        ({"authorization": "Bearer other"}, "grace"),
        ({"apiKey": "good"}, "ada"),
    ],
)
async def test_the_caller_is_whom_connection_init_names(payload: dict[str, str], caller: str) -> None:
    async with socket() as ws:
        await opened(ws, **payload)
        await subscribe(ws, "1", "subscription{who}")
        assert (await receive(ws))["payload"]["data"] == {"who": caller}


async def test_the_key_of_the_handshake_counts_where_connection_init_has_none() -> None:
    for payload, caller in (({}, "ada"), ({"apiKey": "other"}, "grace")):
        async with socket(additional_headers={"Authorization": "Bearer good"}) as ws:
            await opened(ws, **payload)
            await subscribe(ws, "1", "subscription{who}")
            assert (await receive(ws))["payload"]["data"] == {"who": caller}


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"apiKey": "wrong"}, 4403),
        ({"apiKey": 7}, 4403),
        ({"apiKey": "away"}, 1013),
        ({"apiKey": "fault"}, 1011),
    ],
)
async def test_a_connection_without_a_good_key_is_closed(payload: dict[str, Any], code: int) -> None:
    async with socket() as ws:
        await send(ws, {"type": "connection_init", "payload": payload})
        assert (await closed(ws))[0] == code


async def test_each_operation_has_a_context_of_its_own() -> None:
    it = toy()
    async with socket(it) as ws:
        await opened(ws, note="hi")
        for operation_id in ("1", "2"):
            await subscribe(ws, operation_id, "{hello}")
            await receive(ws)
            await receive(ws)
    first, second = it.world.contexts
    assert first is not second
    assert first.deadline is not second.deadline
    assert first.correlation_id != second.correlation_id
    assert first.connection_params == {"note": "hi"}


async def test_the_correlation_id_of_the_handshake_is_taken_over() -> None:
    async with socket(additional_headers={"X-Correlation-Id": "c-5"}) as ws:
        await opened(ws)
        await subscribe(ws, "1", "{whoami}")
        assert (await receive(ws))["payload"]["data"] == {"whoami": "anybody c-5"}


async def test_sockets_of_a_revoked_key_are_ended() -> None:
    it = toy()
    async with served(it.starlette) as port:
        address = f"ws://127.0.0.1:{port}/graphql"
        protocols: Any = [PROTOCOL]
        async with connect(address, subprotocols=protocols) as ada, connect(address, subprotocols=protocols) as grace:
            await opened(ada, apiKey="good")
            await opened(grace, apiKey="other")
            await subscribe(ada, "1", "subscription{forever}")
            await receive(ada)
            (handler,) = (handler for handler in it.app.sockets if handler.session.caller == "ada")
            assert await it.app.end_sockets(lambda caller: caller == "ada") == 1
            assert handler.operations == {}
            with pytest.raises(WebSocketDisconnected):
                await handler.websocket.send_json({"type": "next"})
            assert await closed(ada) == (4403, "Forbidden")
            await it.world.stream_ended.wait()
            await subscribe(grace, "1", "subscription{who}")
            assert (await receive(grace))["payload"]["data"] == {"who": "grace"}


@pytest.mark.parametrize(("allowed", "status"), [((), 403), (("https://mesh.example",), 101)])
async def test_pages_of_another_origin_need_to_be_allowed(allowed: tuple[str, ...], status: int) -> None:
    try:
        async with socket(toy(allowed_origins=allowed), origin="https://mesh.example") as ws:
            await opened(ws)
            answered = 101
    except InvalidStatus as refused:
        answered = refused.response.status_code
    assert answered == status

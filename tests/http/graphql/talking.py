"""Talk over a socket as the tests do it: graphql-transport-ws, message by message."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.http.graphql.toy import Toy, served, toy

PROTOCOL = "graphql-transport-ws"


@asynccontextmanager
async def socket(it: Toy | None = None, **options: Any) -> AsyncGenerator[ClientConnection, None]:
    async with served((it or toy()).starlette) as port:
        options = {"subprotocols": [PROTOCOL], **options}
        async with connect(f"ws://127.0.0.1:{port}/graphql", **options) as ws:
            yield ws


async def send(ws: ClientConnection, message: object) -> None:
    await ws.send(message if isinstance(message, str | bytes) else json.dumps(message))


async def receive(ws: ClientConnection) -> dict[str, Any]:
    frame = await ws.recv()
    assert isinstance(frame, str)  # text frames only
    message: dict[str, Any] = json.loads(frame)
    return message


async def opened(ws: ClientConnection, **payload: object) -> None:
    await send(ws, {"type": "connection_init", "payload": payload})
    assert await receive(ws) == {"type": "connection_ack"}


async def subscribe(ws: ClientConnection, operation_id: str, query: str, **members: object) -> None:
    await send(ws, {"type": "subscribe", "id": operation_id, "payload": {"query": query, **members}})


async def closed(ws: ClientConnection) -> tuple[int, str]:
    with suppress(ConnectionClosed):  # a code that is no success
        async for _ in ws:
            continue
    assert ws.close_code is not None
    return ws.close_code, ws.close_reason or ""

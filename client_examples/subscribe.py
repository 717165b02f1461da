"""Follows the events of a Lakemesh server: each once and in order, also when the connection is lost.

    API_KEY=lmk_... python client_examples/subscribe.py [--after POSITION] [--count EVENTS]

Without --after it begins with the next event. It needs the package `websockets`.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

PROTOCOL = Subprotocol("graphql-transport-ws")
HEAD = "{ serverInfo { position } }"
EVENTS = "subscription($after: BigInt!) { events(after: $after) { position type stream } }"
PAUSE_SECONDS = 1.0
REFUSED = (4401, 4403)  # the codes with which a server closes on a caller that it does not let in


class Refused(Exception):
    """The server will not do this, however often it is asked."""


async def answers(socket: ClientConnection, query: str, **variables: Any) -> AsyncGenerator[dict[str, Any], None]:
    """The data of each answer to a query or a subscription."""
    payload = {"query": query, "variables": variables}
    await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
    async for frame in socket:
        message = json.loads(frame)
        match message["type"]:
            case "next" if "errors" not in message["payload"]:
                yield message["payload"]["data"]
            case "next":
                raise Refused(message["payload"]["errors"][0]["message"])
            case "error":
                raise Refused(message["payload"][0]["message"])
            case "ping":
                await socket.send(json.dumps({"type": "pong"}))
            case "complete":
                return


async def head(socket: ClientConnection) -> int:
    """The position of the newest event."""
    async with aclosing(answers(socket, HEAD)) as found:
        [data] = [data async for data in found]
    return int(data["serverInfo"]["position"])


async def events(server: str, key: str, after: int | None) -> AsyncGenerator[dict[str, Any], None]:
    """Every event behind `after`. A new connection goes on behind the last event that was seen."""
    while True:
        try:
            async with connect(f"ws{server.removeprefix('http')}/graphql", subprotocols=[PROTOCOL]) as socket:
                await socket.send(
                    json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {key}"}})
                )
                await socket.recv()  # connection_ack; whoever is not let in finds the socket closed
                after = await head(socket) if after is None else after
                async with aclosing(answers(socket, EVENTS, after=after)) as found:
                    async for data in found:
                        after = data["events"]["position"]
                        yield data["events"]
        except ConnectionClosed as closed:
            if closed.rcvd is not None and closed.rcvd.code in REFUSED:
                raise Refused(closed.rcvd.reason) from closed
        except (OSError, InvalidHandshake) as error:
            print(f"no connection ({error}); tried again", file=sys.stderr)
        await asyncio.sleep(PAUSE_SECONDS)


async def follow(after: int | None, count: int | None) -> None:
    """Print a line for each event."""
    seen = 0
    server = os.environ.get("LAKEMESH", "http://127.0.0.1:8000")
    async with aclosing(events(server, os.environ["API_KEY"], after)) as found:
        async for event in found:
            print(f"{event['position']:>6}  {event['type']:<22} {event['stream']}", flush=True)
            seen += 1
            if seen == count:
                return


def main() -> None:
    """Read the command line and go."""
    parser = argparse.ArgumentParser(description="Follow the events of a Lakemesh server.")
    parser.add_argument("--after", type=int, help="the last position already seen")
    parser.add_argument("--count", type=int, help="end after so many events")
    options = parser.parse_args()
    try:
        asyncio.run(follow(options.after, options.count))
    except Refused as refused:
        sys.exit(f"refused: {refused}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()

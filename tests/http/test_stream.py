"""Streams over a real connection: cut when they fail, stopped when their client goes or sleeps."""

import queue
import socket
from collections.abc import AsyncGenerator, Callable
from typing import Any, cast

import httpx
import pytest
from starlette.applications import Starlette

from server.adapters.sealed_addresses import AddressExpired
from server.http.stream import stream_routes
from server.kernel.errors import Forbidden, Refused, Unavailable
from server.mesh.record.streams import Opened, RecordStreams
from tests.http.running import running

BLOCK = b"x" * 1_000_000


class Streams:
    """Opens what a test says. `closed` gets an entry when a stream has let go of everything."""

    def __init__(self, pieces: Callable[[], AsyncGenerator[bytes]] | None = None, refused: Refused | None = None):
        self._pieces = pieces
        self._refused = refused
        self.asked: tuple[str | None, str] | None = None
        self.closed: queue.Queue[int] = queue.Queue()

    async def open(self, token: str, purpose: str | None, correlation_id: str) -> Opened:
        self.asked = (purpose, correlation_id)
        if self._refused is not None:
            raise self._refused
        return Opened(filename=f"{token}.ndjson", media_type="application/x-ndjson", pieces=self._watched)

    async def _watched(self) -> AsyncGenerator[bytes]:
        sent = 0
        assert self._pieces is not None
        try:
            async for piece in self._pieces():
                yield piece
                sent += 1
        finally:
            self.closed.put(sent)


def app(streams: Streams, **bounds: Any) -> Starlette:
    return Starlette(routes=list(stream_routes(cast(RecordStreams, streams), **bounds)))


async def three() -> AsyncGenerator[bytes]:
    for piece in (b"1\n", b"", b"2\n"):
        yield piece


async def endless() -> AsyncGenerator[bytes]:
    while True:
        yield BLOCK


async def broken() -> AsyncGenerator[bytes]:
    yield b"1\n"
    raise ValueError("a row of somebody")


async def refused_first() -> AsyncGenerator[bytes]:
    raise Unavailable("too many streams; try again")
    yield b""


def test_hands_on_what_the_request_says_of_itself() -> None:
    streams = Streams(three)
    with running(app(streams)) as server:
        httpx.get(f"{server.base_url}/stream/token", headers={"X-Purpose": "audit", "X-Correlation-Id": "c-1"})
        assert streams.asked == ("audit", "c-1")
        refused = httpx.get(f"{server.base_url}/stream/token", headers={"X-Purpose": "x" * 257})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "BAD_USER_INPUT")


def test_sends_every_piece_and_names_the_file() -> None:
    with running(app(Streams(three))) as server:
        response = httpx.get(f"{server.base_url}/stream/token")
        head = httpx.head(f"{server.base_url}/stream/token")
    assert (response.status_code, response.content) == (200, b"1\n2\n")
    assert (head.status_code, head.content) == (200, b"")
    for answer in (response, head):
        told = {name: answer.headers[name] for name in ("content-type", "content-disposition", "cache-control")}
        assert told == {
            "content-type": "application/x-ndjson",
            "content-disposition": 'attachment; filename="token.ndjson"',
            "cache-control": "no-store",
        }
    assert response.headers["transfer-encoding"] == "chunked"


def test_stops_when_its_client_goes() -> None:
    streams = Streams(endless)
    with running(app(streams)) as server, httpx.stream("GET", f"{server.base_url}/stream/t") as response:
        next(response.iter_raw())
        response.close()
        assert 0 < streams.closed.get(timeout=30) < 1_000
        server.wait_for_end()


def test_makes_no_more_than_its_client_takes_and_gives_a_sleeping_one_up() -> None:
    streams = Streams(endless)
    with running(app(streams, stall_seconds=0.2)) as server, server.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(b"GET /stream/t HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert 0 < streams.closed.get(timeout=30) < 100
        server.wait_for_end()


def test_a_failure_on_the_way_breaks_the_connection_and_tells_no_row(caplog: pytest.LogCaptureFixture) -> None:
    streams = Streams(broken)
    with running(app(streams)) as server, pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{server.base_url}/stream/t")
    assert streams.closed.get(timeout=30) == 1
    assert "a stream broke off: ValueError" in caplog.text
    assert "somebody" not in caplog.text


@pytest.mark.parametrize(
    ("streams", "status", "code"),
    [
        (Streams(refused=Forbidden("forged")), 403, "FORBIDDEN"),
        (Streams(refused=AddressExpired("expired")), 410, "FORBIDDEN"),
        (Streams(refused_first), 503, "UNAVAILABLE"),
    ],
)
def test_a_refusal_before_the_first_byte_has_its_status(streams: Streams, status: int, code: str) -> None:
    with running(app(streams)) as server:
        response = httpx.get(f"{server.base_url}/stream/t")
        other = httpx.post(f"{server.base_url}/stream/t")
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert other.status_code == 405

"""A read ends when nobody waits for it any more, and not before."""

import asyncio
import threading

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from server.http.graphql.departure import Departure
from server.kernel.errors import TimedOut
from tests.http.running import running


class Reads:
    """A read that never ends by itself. `ended`: it was cancelled and has let go; `told`: what its caller got."""

    def __init__(self) -> None:
        self.begun, self.ended = threading.Event(), threading.Event()
        self.told: list[type[BaseException]] = []

    async def work(self) -> str:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self.ended.set()
        return "never"

    async def endless(self, request: Request) -> Response:
        await request.body()
        try:
            return PlainTextResponse(await Departure(request).unless_gone(self.work()))
        except TimedOut as error:
            assert self.ended.is_set()
            self.told.append(type(error))
            return PlainTextResponse("to nobody")

    async def brief(self, request: Request) -> Response:
        body = (await request.body()).decode()

        async def work() -> str:
            await asyncio.sleep(0)
            return body

        return PlainTextResponse(await Departure(request).unless_gone(work()))


def test_stops_the_read_of_a_client_that_goes_and_answers_the_next() -> None:
    reads = Reads()
    app = Starlette(
        routes=[Route("/endless", reads.endless, methods=["POST"]), Route("/", reads.brief, methods=["POST"])]
    )
    with running(app) as server:
        with server.connect() as connection:
            connection.sendall(b"POST /endless HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}")
            assert reads.begun.wait(timeout=30)
        assert reads.ended.wait(timeout=30)
        server.wait_for_end()
        assert reads.told == [TimedOut]
        with httpx.Client() as client:
            assert [client.post(server.base_url, content="x").text for _ in range(3)] == ["x"] * 3


async def test_passes_on_what_the_work_raises() -> None:
    async def failing() -> None:
        raise ZeroDivisionError

    async def receive() -> dict[str, object]:
        await asyncio.Event().wait()
        return {}

    request = Request({"type": "http", "method": "POST", "headers": []}, receive)
    for departure in (Departure(), Departure(request)):
        with pytest.raises(ZeroDivisionError):
            await departure.unless_gone(failing())


async def test_a_cancelled_operation_waits_until_its_read_has_let_go() -> None:
    async def receive() -> dict[str, object]:
        await asyncio.Event().wait()
        return {}

    reads = Reads()
    request = Request({"type": "http", "method": "POST", "headers": []}, receive)
    asked = asyncio.create_task(Departure(request).unless_gone(reads.work()))
    await asyncio.to_thread(reads.begun.wait, 30)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert reads.ended.is_set()

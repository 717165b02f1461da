"""Rows by signed address: GET /stream/… sends a whole table as it is read, and stops when its client goes."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from server.adapters.postgres.away import unavailable
from server.adapters.sealed_addresses import AddressExpired
from server.http.graphql.incoming import correlation_id_of
from server.http.purpose import purpose_of
from server.http.refusals import refusal_response
from server.kernel.errors import Refused
from server.mesh.record.streams import PREFIX, Opened, RecordStreams

LOG = logging.getLogger("lakemesh.stream")
# A client that takes nothing for so long gives its place up.
STALL_SECONDS = 60.0


def stream_routes(streams: RecordStreams, *, stall_seconds: float = STALL_SECONDS) -> list[Route]:
    """The routes under '/stream/'. `stall_seconds`: how long a client may take nothing."""

    async def answer(request: Request) -> Response:
        try:
            opened = await streams.open(request.path_params["token"], purpose_of(request), correlation_id_of(request))
        except Exception as error:
            return refusal_of(error)
        if request.method == "HEAD":
            return Response(headers=headers_of(opened))
        return RowResponse(opened, stall_seconds)

    return [Route(PREFIX + "{token}", answer, methods=["GET", "HEAD"], name="stream")]


class RowResponse(Response):
    """A stream's bytes under back-pressure.

    One that fails after its first byte breaks the connection: no client must take a part for the whole.
    """

    def __init__(self, opened: Opened, stall_seconds: float) -> None:
        super().__init__()
        self._opened = opened
        self._stall_seconds = stall_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.create_task(self._send(scope, receive, send))
        leaving = asyncio.create_task(_left(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            if not sending.done():
                sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        pieces = self._opened.pieces()
        try:
            try:
                piece = await anext(pieces, None)
            except Exception as error:
                await refusal_of(error)(scope, receive, send)
                return
            try:
                await self._send_all(piece, pieces, send)
            except Exception as error:  # its message may quote a row
                LOG.error("a stream broke off: %s", type(error).__name__)
        finally:
            await pieces.aclose()

    async def _send_all(self, piece: bytes | None, pieces: AsyncGenerator[bytes], send: Send) -> None:
        headers = [(name.encode(), value.encode()) for name, value in headers_of(self._opened).items()]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while piece is not None:
            async with asyncio.timeout(self._stall_seconds):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(0)  # a send to a client that is gone does not wait: let that be noticed
            piece = await anext(pieces, None)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _left(receive: Receive) -> None:
    """Until the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        continue


def headers_of(opened: Opened) -> Mapping[str, str]:
    """What stands before a stream's bytes."""
    return {
        "content-type": opened.media_type,
        "content-disposition": f'attachment; filename="{opened.filename}"',
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
    }


def refusal_of(error: Exception) -> Response:
    """The answer to a refusal. Raises: the error itself, where it is none."""
    if isinstance(error, AddressExpired):
        return refusal_response(error, status=410)
    if isinstance(error, Refused):
        return refusal_response(error)
    if away := unavailable(error):
        return refusal_response(away)
    raise error

"""Files by signed address: PUT an upload once, GET an object."""

import os
from collections.abc import Awaitable
from pathlib import Path
from typing import Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from server.adapters.postgres.away import unavailable
from server.adapters.storage.durable import StorageFull
from server.adapters.storage.port import ObjectMissing, Storage
from server.adapters.storage.signing import PREFIX, Permit, Signer
from server.http.graphql.incoming import correlation_id_of
from server.http.purpose import purpose_of
from server.http.refusals import refusal_response
from server.http.upload import LengthMissing, Stalled, receive_file
from server.kernel.errors import Refused


class Authorize(Protocol):
    """Is asked with the purpose and the correlation id of a request. `reads`: bytes of the object will go out."""

    def __call__(self, permit: Permit, purpose: str | None, correlation_id: str, *, reads: bool) -> Awaitable[None]: ...


MAX_UPLOAD_BYTES = 10 * 1024**3
# A client that sends nothing for so long gives its place up.
STALL_SECONDS = 60.0
# What is left of a refused body is read up to here, so that the client sees the answer; a larger one is cut off.
_DRAINED_BYTES = 1024 * 1024


async def _allow_all(permit: Permit, purpose: str | None, correlation_id: str, *, reads: bool) -> None:
    """The signature alone decides."""


def file_routes(
    storage: Storage,
    signer: Signer,
    *,
    max_upload_bytes: int = MAX_UPLOAD_BYTES,
    authorize: Authorize = _allow_all,
    stall_seconds: float = STALL_SECONDS,
) -> list[Route]:
    """The routes under '/storage/'.

    `authorize` is asked before a GET or HEAD and refuses by raising `Refused`: a grant may have ended since it was
    signed. `stall_seconds`: how long an upload may pause.
    """

    async def answer(request: Request) -> Response:
        try:
            permit = signer.verify(request.method, _raw_path(request), request.scope["query_string"])
            if permit.method == "GET":
                given = purpose_of(request), correlation_id_of(request)
                await authorize(permit, *given, reads=request.method == "GET")
                return await _download(storage, permit)
            limit = max_upload_bytes if permit.max_bytes is None else min(permit.max_bytes, max_upload_bytes)
            received = await receive_file(request, storage, permit.key, max_bytes=limit, stall_seconds=stall_seconds)
        except Refused as refused:
            return _refusal(request, refused)
        except Exception as error:
            if away := unavailable(error):
                return _refusal(request, away)
            raise
        return JSONResponse(
            {"fileUrl": received.key, "sizeBytes": received.size_bytes, "sha256": received.sha256}, status_code=201
        )

    return [Route(PREFIX + "{key:path}", answer, methods=["GET", "HEAD", "PUT"], name="files")]


def _raw_path(request: Request) -> bytes:
    """The path as it came over the wire, below the place where the server is mounted."""
    raw_path: bytes = request.scope["raw_path"]
    return raw_path.removeprefix(request.scope.get("root_path", "").encode())


async def _download(storage: Storage, permit: Permit) -> Response:
    path, found = await run_in_threadpool(_open_object, storage, permit.key)
    return FileResponse(
        path,
        stat_result=found,
        filename=permit.filename or permit.key.rpartition("/")[2],
        media_type="application/octet-stream",
        headers={"x-content-type-options": "nosniff", "cache-control": "no-store"},
    )


def _open_object(storage: Storage, key: str) -> tuple[Path, os.stat_result]:
    path = storage.read_path(key)
    try:
        return path, path.stat()
    except FileNotFoundError:
        raise ObjectMissing(f"no file stands under {key!r}; it was removed meanwhile") from None


def _refusal(request: Request, refused: Refused) -> Response:
    response = refusal_response(refused, status=_exact_status(refused))
    if request.method == "PUT" and request.scope["http_version"].startswith("1"):
        length = request.headers.get("content-length")
        if length is None or int(length) > _DRAINED_BYTES:
            response.headers["connection"] = "close"
    return response


def _exact_status(refused: Refused) -> int | None:
    """Statuses that say more than the code does."""
    match refused:
        case StorageFull():
            return 507
        case LengthMissing():
            return 411
        case Stalled():
            return 408
        case _:
            return None

"""Receiving a file: a body streamed to a staged file, then committed whole or not at all."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from server.adapters.storage.port import ObjectExists, Storage
from server.adapters.storage.staged import StagedWriter
from server.kernel.errors import BadUserInput, LimitExceeded, Refused, TimedOut
from server.kernel.record import record

# Written at a time: large enough that a hop to a thread costs little beside it.
BLOCK_BYTES = 1024 * 1024


class LengthMissing(BadUserInput):
    """Neither a Content-Length nor a chunked body: an empty file is sent as Content-Length 0."""


class Stalled(TimedOut):
    """The client stopped sending."""


@record
class Received:
    """What was committed."""

    key: str
    size_bytes: int
    sha256: str


async def receive_file(
    request: Request, storage: Storage, key: str, *, max_bytes: int, stall_seconds: float
) -> Received:
    """Take the body of `request` as the object `key`; whatever goes wrong leaves nothing behind.

    Raises: ObjectExists, BeingWritten, BadUserInput (cut short), LimitExceeded, Stalled, StorageFull.
    """
    declared = _declared_length(request, max_bytes)
    with storage.claim(key):
        return await _receive(request, storage, key, declared, max_bytes, stall_seconds)


async def _receive(
    request: Request, storage: Storage, key: str, declared: int | None, max_bytes: int, stall_seconds: float
) -> Received:
    if await run_in_threadpool(storage.exists, key):
        raise ObjectExists(f"a file stands under {key!r} already: each address takes one; ask for a new one")
    writer = await run_in_threadpool(lambda: StagedWriter(storage.staging()))
    try:
        async with aclosing(_blocks(request, max_bytes, stall_seconds)) as blocks:
            async for block in blocks:
                await run_in_threadpool(writer.write, block)
        if declared is not None and writer.size != declared:
            raise _cut_short()
        await run_in_threadpool(writer.close)
        await run_in_threadpool(storage.commit, writer.path, key)
    finally:
        await run_in_threadpool(writer.discard)
    return Received(key=key, size_bytes=writer.size, sha256=writer.sha256)


def _declared_length(request: Request, max_bytes: int) -> int | None:
    if "content-range" in request.headers:
        raise BadUserInput("a file is sent whole: leave Content-Range out")
    text = request.headers.get("content-length")
    if text is None:
        if request.scope["http_version"].startswith("1") and "transfer-encoding" not in request.headers:
            raise LengthMissing("the length of the file is not known: send Content-Length or a chunked body")
        return None
    if int(text) > max_bytes:
        raise _too_large(max_bytes)
    return int(text)


async def _blocks(request: Request, max_bytes: int, stall_seconds: float) -> AsyncGenerator[bytes, None]:
    pending = bytearray()
    received = 0
    async with aclosing(request.stream()) as stream:
        while piece := await _next_piece(stream, stall_seconds):
            received += len(piece)
            if received > max_bytes:
                raise _too_large(max_bytes)
            pending += piece
            if len(pending) >= BLOCK_BYTES:
                yield bytes(pending)
                pending.clear()
    if pending:
        yield bytes(pending)


async def _next_piece(stream: AsyncIterator[bytes], stall_seconds: float) -> bytes:
    """Some bytes; none at the end of the body."""
    try:
        async with asyncio.timeout(stall_seconds):
            return await anext(stream)
    except TimeoutError:
        raise Stalled(f"nothing came for {stall_seconds:g} seconds: send the file again to the same address") from None
    except ClientDisconnect:
        raise _cut_short() from None


def _cut_short() -> Refused:
    return BadUserInput("the body ended before the file was complete: send the whole file again to the same address")


def _too_large(max_bytes: int) -> Refused:
    return LimitExceeded(f"the file is larger than the {max_bytes} bytes allowed here: split it into several uploads")

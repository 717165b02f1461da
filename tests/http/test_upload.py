import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.types import Message, Scope

from server.adapters.storage.local import LocalStorage
from server.http.upload import receive_file
from server.kernel.errors import BadUserInput

KEY = "landing/x/users.csv"


def request(messages: Sequence[Message], stopped: asyncio.Event, length: int | None, version: str = "1.1") -> Request:
    """A request as a server tells of it; after its messages nothing comes, and `stopped` says so."""
    waiting = list(messages)

    async def receive() -> Message:
        if waiting:
            return waiting.pop(0)
        stopped.set()
        await asyncio.Event().wait()
        raise AssertionError

    headers = [] if length is None else [(b"content-length", b"%d" % length)]
    scope: Scope = {"type": "http", "method": "PUT", "http_version": version, "headers": headers}
    return Request(scope, receive)


def piece(body: bytes, *, more: bool) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def files(storage: LocalStorage) -> list[Path]:
    return [path for path in storage.root.rglob("*") if path.is_file()]


async def test_a_server_that_goes_down_leaves_nothing(tmp_path: Path) -> None:
    storage, stopped = LocalStorage(tmp_path), asyncio.Event()
    upload = request([piece(bytes(2_000_000), more=True)], stopped, 3_000_000)
    task = asyncio.create_task(receive_file(upload, storage, KEY, max_bytes=10_000_000, stall_seconds=60))
    await stopped.wait()
    assert [path.stat().st_size for path in files(storage)] == [2_000_000]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert files(storage) == []


async def test_a_body_shorter_than_declared_is_refused(tmp_path: Path) -> None:
    storage, stopped = LocalStorage(tmp_path), asyncio.Event()
    upload = request([piece(b"hello", more=False)], stopped, 10)
    with pytest.raises(BadUserInput) as refused:
        await receive_file(upload, storage, KEY, max_bytes=100, stall_seconds=60)
    assert refused.value.message == (
        "the body ended before the file was complete: send the whole file again to the same address"
    )
    assert files(storage) == []


async def test_http_2_needs_no_length(tmp_path: Path) -> None:
    storage, stopped = LocalStorage(tmp_path), asyncio.Event()
    upload = request([piece(b"he", more=True), piece(b"", more=True), piece(b"y", more=False)], stopped, None, "2")
    received = await receive_file(upload, storage, KEY, max_bytes=100, stall_seconds=60)
    assert (received.key, received.size_bytes) == (KEY, 3)
    assert storage.read_path(KEY).read_bytes() == b"hey"

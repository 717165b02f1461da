import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.types import Message, Scope

from server.adapters.storage.local import LocalStorage
from server.adapters.storage.port import BeingWritten
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
    return [path for path in storage.root.rglob("*") if path.is_file() and path.suffix not in (".claim", ".alive")]


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


async def test_only_one_request_at_a_time_sends_a_file_and_a_cut_one_gives_its_place_up(tmp_path: Path) -> None:
    storage, stopped = LocalStorage(tmp_path), asyncio.Event()
    slow = request([piece(bytes(2_000_000), more=True)], stopped, 3_000_000)
    sending = asyncio.create_task(receive_file(slow, storage, KEY, max_bytes=10_000_000, stall_seconds=60))
    await stopped.wait()
    quick = [piece(b"quick", more=False)]
    with pytest.raises(BeingWritten):
        await receive_file(request(quick, asyncio.Event(), 5), storage, KEY, max_bytes=100, stall_seconds=60)
    assert not storage.exists(KEY)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    received = await receive_file(request(quick, asyncio.Event(), 5), storage, KEY, max_bytes=100, stall_seconds=60)
    assert received.size_bytes == 5
    assert [path.read_bytes() for path in files(storage)] == [b"quick"]


async def test_a_sweep_leaves_an_upload_alone_that_is_under_way(tmp_path: Path) -> None:
    storage, stopped = LocalStorage(tmp_path), asyncio.Event()
    slow = request([piece(bytes(2_000_000), more=True)], stopped, 3_000_000)
    sending = asyncio.create_task(receive_file(slow, storage, KEY, max_bytes=10_000_000, stall_seconds=60))
    await stopped.wait()
    left = storage.staging()
    left.write_bytes(b"of a crash")
    assert storage.sweep_staging(datetime(2100, 1, 1, tzinfo=UTC)) == 1
    assert [path.stat().st_size for path in files(storage)] == [2_000_000]
    sending.cancel()
    await asyncio.wait([sending])
    assert files(storage) == []

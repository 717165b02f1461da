import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from starlette.applications import Starlette

from server.adapters.storage.layout import landing
from server.adapters.storage.local import LocalStorage
from server.adapters.storage.signing import Permit, Signer
from server.http.files import file_routes
from server.kernel.errors import Forbidden
from tests.http.running import Running, running

NOW = datetime(2024, 5, 1, 12, 0, 0, tzinfo=UTC)
SOON = NOW + timedelta(minutes=15)
KEY = landing(UUID("0f8fad5b-d9cb-469f-a165-70867728950e"), "users.csv")
OBJECT = "users/gold/b1/1.parquet"
LIMIT = 4 * 1024 * 1024
SIGNER = Signer([bytes(32)], lambda: NOW)
CUT_SHORT = "the body ended before the file was complete: send the whole file again to the same address"


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "lake")


@contextmanager
def serving(storage: LocalStorage, **options: object) -> Iterator[Running]:
    routes = file_routes(storage, SIGNER, **({"max_upload_bytes": LIMIT} | options))  # type: ignore[arg-type]
    with running(Starlette(routes=routes)) as server:
        yield server


@pytest.fixture
def server(storage: LocalStorage) -> Iterator[Running]:
    with serving(storage) as running_server:
        yield running_server


@pytest.fixture
def client(server: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.base_url, trust_env=False, timeout=30) as http:
        yield http


def put_address(key: str = KEY, **parts: object) -> str:
    return SIGNER.sign("PUT", key, SOON, **parts)  # type: ignore[arg-type]


def get_address(key: str = OBJECT, **parts: object) -> str:
    return SIGNER.sign("GET", key, SOON, **parts)  # type: ignore[arg-type]


def put_object(storage: LocalStorage, content: bytes, key: str = OBJECT) -> None:
    staged = storage.staging()
    staged.write_bytes(content)
    storage.commit(staged, key)


def contents(storage: LocalStorage) -> dict[str, bytes]:
    """Every file of the lake, staged ones too; not the one that says who is alive."""
    return {
        path.relative_to(storage.root).as_posix(): path.read_bytes()
        for path in storage.root.rglob("*")
        if path.is_file() and path.suffix != ".alive"
    }


def refusal(code: str, message: str) -> dict[str, dict[str, str]]:
    return {"error": {"code": code, "message": message}}


def answer_of(server: Running, sent: bytes) -> bytes:
    """What the server answers to these bytes until it closes; the client half stays open."""
    with server.connect() as connection:
        connection.sendall(sent)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    return received


@pytest.mark.parametrize("size", [0, 1, 1024 * 1024, LIMIT - 1, LIMIT])
def test_an_upload_becomes_the_object(client: httpx.Client, storage: LocalStorage, size: int) -> None:
    content = os.urandom(size)
    response = client.put(put_address(), content=content)
    assert response.status_code == 201
    assert response.json() == {
        "fileUrl": KEY,
        "sizeBytes": size,
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    assert contents(storage) == {KEY: content}


def test_a_chunked_upload_becomes_the_object(client: httpx.Client, storage: LocalStorage) -> None:
    pieces = [os.urandom(300_000) for _ in range(8)]
    response = client.put(put_address(), content=iter(pieces))
    assert response.status_code == 201
    assert response.json()["sizeBytes"] == 2_400_000
    assert contents(storage) == {KEY: b"".join(pieces)}


def test_a_completed_upload_uses_the_address_up(client: httpx.Client, storage: LocalStorage) -> None:
    assert client.put(put_address(), content=b"first").status_code == 201
    response = client.put(put_address(), content=b"second")
    assert response.status_code == 409
    assert response.json() == refusal(
        "ALREADY_EXISTS", f"a file stands under '{KEY}' already: each address takes one; ask for a new one"
    )
    assert contents(storage) == {KEY: b"first"}


def test_an_address_takes_one_upload_at_a_time(client: httpx.Client, storage: LocalStorage) -> None:
    with storage.claim(KEY):
        response = client.put(put_address(), content=b"second")
    assert response.status_code == 409
    assert response.json() == refusal(
        "CONFLICT", f"'{KEY}' is being written by another request: wait until it ends, or choose another address"
    )
    assert client.put(put_address(), content=b"third").status_code == 201
    assert contents(storage) == {KEY: b"third"}


def whole_request(chunked: bool) -> bytes:
    head = b"PUT " + put_address().encode() + b" HTTP/1.1\r\nHost: x\r\n"
    if chunked:
        return head + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n"
    return head + b"Content-Length: 10\r\n\r\nhelloworld"


@pytest.mark.parametrize("chunked", [False, True])
def test_an_upload_cut_at_any_byte_leaves_nothing(server: Running, storage: LocalStorage, chunked: bool) -> None:
    whole = whole_request(chunked)
    body = whole.index(b"\r\n\r\n") + 4
    for cut in range(body, len(whole)):
        with server.connect() as connection:
            connection.sendall(whole[:cut])
        server.wait_for_end()
        assert contents(storage) == {}, f"cut after {cut - body} bytes of the body"
    with server.connect() as connection:
        connection.sendall(whole)
        assert connection.recv(65536).startswith(b"HTTP/1.1 201 ")
    assert contents(storage) == {KEY: b"helloworld"}


def test_a_large_upload_that_is_cut_leaves_nothing(server: Running, storage: LocalStorage) -> None:
    head = f"PUT {put_address()} HTTP/1.1\r\nHost: x\r\nContent-Length: {LIMIT}\r\n\r\n".encode()
    with server.connect() as connection:
        connection.sendall(head + os.urandom(LIMIT - 1))
    server.wait_for_end()
    assert contents(storage) == {}


def test_an_upload_that_stalls_is_ended(storage: LocalStorage) -> None:
    with serving(storage, stall_seconds=0.05) as server:
        head = b"PUT " + put_address().encode() + b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        answer = answer_of(server, head + b"5\r\nhello\r\n")
        server.wait_for_end()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"TIMEOUT"' in answer
    assert contents(storage) == {}


def test_a_length_over_the_limit_is_refused_before_the_body(server: Running, storage: LocalStorage) -> None:
    head = f"PUT {put_address()} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {LIMIT + 1}\r\n\r\n"
    answer = answer_of(server, head.encode())
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.endswith(
        b'{"error":{"code":"LIMIT_EXCEEDED","message":"the file is larger than the 4194304 bytes allowed here:'
        b' split it into several uploads"}}'
    )
    assert contents(storage) == {}


def test_a_chunked_body_is_counted(server: Running, storage: LocalStorage) -> None:
    head = b"PUT " + put_address(max_bytes=7).encode() + b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = answer_of(server, head + b"5\r\nhello\r\n5\r\nworld\r\n")
    server.wait_for_end()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nconnection: close\r\n" in answer.lower()
    assert contents(storage) == {}


def test_a_large_refused_body_is_not_read(server: Running, client: httpx.Client) -> None:
    head = f"PUT /storage/{KEY} HTTP/1.1\r\nHost: x\r\nContent-Length: {LIMIT}\r\n\r\n".encode()
    answer = answer_of(server, head)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nconnection: close\r\n" in answer.lower()
    small = client.put(f"/storage/{KEY}", content=b"small")
    assert (small.status_code, small.headers.get("connection")) == (400, None)


def test_the_lower_of_both_limits_holds(client: httpx.Client) -> None:
    sizes = [(5, 5, 201), (5, 6, 413), (0, 0, 201), (0, 1, 413), (LIMIT * 2, LIMIT, 201), (LIMIT * 2, LIMIT + 1, 413)]
    for number, (signed, size, status) in enumerate(sizes):
        address = put_address(landing(UUID(int=number), "users.csv"), max_bytes=signed)
        assert client.put(address, content=bytes(size)).status_code == status, (signed, size)


def test_a_body_of_unknown_length_is_refused(server: Running, storage: LocalStorage) -> None:
    answer = answer_of(server, b"PUT " + put_address().encode() + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 411 ")
    assert contents(storage) == {}


def test_a_part_of_a_file_is_refused(client: httpx.Client, storage: LocalStorage) -> None:
    response = client.put(put_address(), content=b"x", headers={"content-range": "bytes 0-0/2"})
    assert response.status_code == 400
    assert response.json() == refusal("BAD_USER_INPUT", "a file is sent whole: leave Content-Range out")
    assert contents(storage) == {}


class FullDisk(LocalStorage):
    """Its staged files are on a device that has no room while `full`."""

    full = True

    def staging(self) -> Path:
        path = super().staging()
        if self.full:
            path.symlink_to("/dev/full")
        return path


def test_a_full_disk_refuses_and_works_again_later(tmp_path: Path) -> None:
    storage = FullDisk(tmp_path / "lake")
    with serving(storage) as server, httpx.Client(base_url=server.base_url, trust_env=False, timeout=30) as client:
        response = client.put(put_address(), content=b"hello")
        assert response.status_code == 507
        assert response.json() == refusal(
            "UNAVAILABLE", "storage is full: free some space on the server, then try again"
        )
        assert contents(storage) == {}
        storage.full = False
        assert client.put(put_address(), content=b"hello").status_code == 201
    assert contents(storage) == {KEY: b"hello"}


class SlowDisk(LocalStorage):
    """Its commit waits to be let go."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reached, self.go = threading.Event(), threading.Event()

    def commit(self, staged: Path, key: str) -> None:
        self.reached.set()
        assert self.go.wait(timeout=30)
        super().commit(staged, key)


def test_a_slow_disk_holds_no_other_request_up(tmp_path: Path) -> None:
    storage = SlowDisk(tmp_path / "lake")
    with (
        serving(storage) as server,
        httpx.Client(base_url=server.base_url, trust_env=False, timeout=30) as client,
        server.connect() as connection,
    ):
        connection.sendall(whole_request(chunked=False))
        assert storage.reached.wait(timeout=30)
        assert client.get(get_address()).status_code == 404
        storage.go.set()
        assert connection.recv(65536).startswith(b"HTTP/1.1 201 ")


def test_a_file_is_handed_out_as_an_attachment(client: httpx.Client, storage: LocalStorage) -> None:
    content = os.urandom(300_000)
    put_object(storage, content)
    for address, name in [(get_address(), "1.parquet"), (get_address(filename="rows 1.parquet"), "rows_1.parquet")]:
        for response in (client.get(address), client.head(address)):
            assert response.status_code == 200
            assert response.content == (content if response.request.method == "GET" else b"")
            shown = {key: value for key, value in response.headers.items() if key not in ("date", "server", "etag")}
            assert shown.pop("last-modified")
            assert shown == {
                "accept-ranges": "bytes",
                "cache-control": "no-store",
                "content-disposition": f'attachment; filename="{name}"',
                "content-length": "300000",
                "content-type": "application/octet-stream",
                "x-content-type-options": "nosniff",
            }


def test_an_address_to_get_works_until_it_expires(client: httpx.Client, storage: LocalStorage) -> None:
    put_object(storage, b"0123456789")
    address = get_address()
    assert [client.get(address).content for _ in range(3)] == [b"0123456789"] * 3


def test_a_part_of_a_file_is_handed_out(client: httpx.Client, storage: LocalStorage) -> None:
    put_object(storage, b"0123456789")
    for asked, status, content, content_range in [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=8-", 206, b"89", "bytes 8-9/10"),
        ("bytes=-4", 206, b"6789", "bytes 6-9/10"),
        ("bytes=4-400", 206, b"456789", "bytes 4-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=400-500", 416, b"", "bytes */10"),
    ]:
        response = client.get(get_address(), headers={"range": asked})
        assert (response.status_code, response.content) == (status, content), asked
        assert response.headers["content-range"] == content_range


def test_a_file_that_is_gone_is_not_found(client: httpx.Client, storage: LocalStorage) -> None:
    put_object(storage, b"rows")
    storage.delete(OBJECT)
    response = client.get(get_address())
    assert response.status_code == 404
    assert response.json() == refusal("NOT_FOUND", f"no file stands under '{OBJECT}'; it was removed or never written")


def test_a_grant_that_ended_closes_its_address(storage: LocalStorage) -> None:
    put_object(storage, b"rows")
    asked: list[tuple[Permit, str | None, str, bool]] = []
    ended = {"g-1"}

    async def authorize(permit: Permit, purpose: str | None, correlation_id: str, *, reads: bool) -> None:
        asked.append((permit, purpose, correlation_id, reads))
        if permit.grant in ended:
            raise Forbidden("grant 'g-1' was revoked")

    with (
        serving(storage, authorize=authorize) as server,
        httpx.Client(base_url=server.base_url, trust_env=False, timeout=30) as client,
    ):
        client.headers["X-Correlation-Id"] = "c-1"
        for response in (client.get(get_address(grant="g-1")), client.head(get_address(grant="g-1"))):
            assert response.status_code == 403
        assert client.get(get_address(grant="g-1")).json() == refusal("FORBIDDEN", "grant 'g-1' was revoked")
        part = client.get(
            get_address(grant="g-2"), headers=[(b"X-Purpose", "Prüfung 7".encode()), (b"Range", b"bytes=1-2")]
        )
        assert (part.status_code, part.content) == (206, b"ow")
        assert client.get(get_address(OBJECT + "x")).status_code == 404
        assert client.put(put_address(), content=b"x").status_code == 201
    assert [(permit.grant, *rest) for permit, *rest in asked] == [
        ("g-1", None, "c-1", True),
        ("g-1", None, "c-1", False),
        ("g-1", None, "c-1", True),
        ("g-2", "Prüfung 7", "c-1", True),
        (None, None, "c-1", True),
    ]
    assert asked[0][0] == Permit(method="GET", key=OBJECT, expires_at=SOON, grant="g-1")


def test_refuses_a_purpose_that_is_none_before_it_looks_at_the_grant(storage: LocalStorage) -> None:
    put_object(storage, b"rows")
    with (
        serving(storage) as server,
        httpx.Client(base_url=server.base_url, trust_env=False, timeout=30) as client,
    ):
        for purpose in ("", "x" * 257, "a\tb"):
            response = client.get(get_address(grant="g-1"), headers={"X-Purpose": purpose})
            assert (response.status_code, response.json()["error"]["code"]) == (400, "BAD_USER_INPUT"), purpose
        twice = client.get(get_address(), headers=[("X-Purpose", "a"), ("X-Purpose", "b")])
        assert twice.json()["error"]["message"] == "the request gives 2 purposes; send one as the header X-Purpose"
        assert client.get(get_address()).content == b"rows"


def test_refuses_an_address_that_is_not_for_this(client: httpx.Client, storage: LocalStorage) -> None:
    put_object(storage, b"secret rows")
    for method, address, status in [
        ("GET", put_address(OBJECT), 403),
        ("HEAD", put_address(OBJECT), 403),
        ("PUT", get_address(KEY), 403),
        ("GET", get_address().replace("/1.parquet", "/2.parquet"), 403),
        ("GET", SIGNER.sign("GET", OBJECT, NOW), 403),
        ("PUT", SIGNER.sign("PUT", KEY, NOW - timedelta(seconds=1)), 403),
        ("GET", Signer([bytes(31)], lambda: NOW).sign("GET", OBJECT, SOON), 403),
        ("GET", f"/storage/{OBJECT}", 400),
        ("PUT", f"/storage/{KEY}", 400),
        ("GET", get_address() + "&x=1", 400),
        ("GET", get_address(grant="g-1") + "&grant=g-1", 400),
        ("DELETE", get_address(), 405),
        ("POST", put_address(), 405),
    ]:
        response = client.request(method, address, content=b"new" if method == "PUT" else None)
        assert response.status_code == status, (method, address)
        assert contents(storage) == {OBJECT: b"secret rows"}


TRICKS = [
    b"/storage/../outside.txt",
    b"/storage/%2e%2e/outside.txt",
    b"/storage/%2E%2E%2Foutside.txt",
    b"/storage/..%2foutside.txt",
    b"/storage/..%5coutside.txt",
    b"/storage/..\\outside.txt",
    b"/storage/%252e%252e/outside.txt",
    b"/storage/x/../../outside.txt",
    b"/storage/./../outside.txt",
    b"/storage//../outside.txt",
    b"/storage/outside.txt%00.csv",
    b"/storage/outside.txt%0a",
    b"/storage/%c0%ae%c0%ae/outside.txt",
    b"/storage/.staging/x.part",
    b"/storage/" + OBJECT.encode().replace(b"1.parquet", b"%31.parquet"),
    b"/storage/" + OBJECT.encode().replace(b"/gold/", b"//gold/"),
    b"/storage/" + OBJECT.encode().replace(b"/gold/", b"/./gold/"),
    b"/storage/\xc3\xa4",
    b"/storage/a\0b",
]


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_no_path_leads_out_of_the_lake(server: Running, storage: LocalStorage, method: str) -> None:
    put_object(storage, b"secret rows")
    outside = storage.root.parent / "outside.txt"
    outside.write_bytes(b"secret outside")
    query = (get_address() if method == "GET" else put_address()).partition("?")[2]
    tail = f"?{query} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nnew".encode()
    for path in TRICKS:
        answer = answer_of(server, method.encode() + b" " + path + tail)
        assert answer.split(b" ", 2)[1] in (b"400", b"404"), path
        assert b"secret" not in answer, path
        assert contents(storage) == {OBJECT: b"secret rows"}, path
    assert outside.read_bytes() == b"secret outside"


def test_addresses_work_below_another_root(storage: LocalStorage) -> None:
    put_object(storage, b"rows")
    app = Starlette()
    app.mount("/lake", Starlette(routes=file_routes(storage, SIGNER)))
    with running(app) as server, httpx.Client(base_url=server.base_url, trust_env=False, timeout=30) as client:
        assert client.get("/lake" + get_address()).content == b"rows"
        assert client.get("/lake" + get_address(KEY)).status_code == 404

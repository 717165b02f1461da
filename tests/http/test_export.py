"""Exports over a real connection: the trail, its headers, its detached signature, refusals with their status."""

from collections.abc import AsyncGenerator
from typing import cast

import httpx
import pytest
from starlette.applications import Starlette

from server.adapters.sealed_addresses import AddressExpired
from server.http.export import export_routes
from server.kernel.errors import Forbidden, Refused, Unavailable
from server.mesh.compliance.export import AuditExports
from server.mesh.record.streams import Opened
from tests.http.running import running

TRAIL = [b'{"position":1}\n', b"", b'{"statement":"s"}\n']


class Exports:
    """Opens one trail, or refuses."""

    def __init__(self, refused: Refused | None = None) -> None:
        self._refused = refused

    async def open(self, token: str) -> Opened:
        if self._refused is not None:
            raise self._refused
        return Opened(filename=f"{token}-audit.ndjson", media_type="application/x-ndjson", pieces=self._pieces)

    async def signature(self, token: str) -> bytes:
        if self._refused is not None:
            raise self._refused
        return f'{{"of":"{token}"}}\n'.encode()

    async def _pieces(self) -> AsyncGenerator[bytes]:
        for piece in TRAIL:
            yield piece


def app(exports: Exports) -> Starlette:
    return Starlette(routes=list(export_routes(cast(AuditExports, exports))))


def test_sends_the_trail_as_a_file_and_its_signature_beside_it() -> None:
    with running(app(Exports())) as server:
        address = f"{server.base_url}/stream/audit/eu"
        trail, head, signature = httpx.get(address), httpx.head(address), httpx.get(f"{address}/signature")
    assert (trail.status_code, trail.content) == (200, b"".join(TRAIL))
    assert (head.status_code, head.content) == (200, b"")
    assert trail.headers["content-disposition"] == 'attachment; filename="eu-audit.ndjson"'
    assert trail.headers["cache-control"] == signature.headers["cache-control"] == "no-store"
    assert (signature.status_code, signature.json()) == (200, {"of": "eu"})
    assert signature.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("refused", "status", "code"),
    [
        (Forbidden("forged"), 403, "FORBIDDEN"),
        (AddressExpired("expired"), 410, "FORBIDDEN"),
        (Unavailable("too many"), 503, "UNAVAILABLE"),
    ],
)
def test_a_refusal_has_its_status(refused: Refused, status: int, code: str) -> None:
    with running(app(Exports(refused))) as server:
        address = f"{server.base_url}/stream/audit/eu"
        answers = [httpx.get(address), httpx.get(f"{address}/signature")]
        other = httpx.post(address)
    assert [(answer.status_code, answer.json()["error"]["code"]) for answer in answers] == [(status, code)] * 2
    assert other.status_code == 405

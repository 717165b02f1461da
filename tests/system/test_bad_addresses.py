"""Bad addresses: expired, forged, meant for another file, used twice, cut off, or for less than was sent."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio

from tests.system.serving import PATIENCE, ServerProcess, serving
from tests.system.story import Json, address, do, get, head, published, put, refusal, register, rows

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMIT = 100_000  # bytes
FORGED = "this address was not made for this method and path by this server; ask for a new address and use it as it is"
CSV = "id,email,spent\n1,a@example.com,2\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServerProcess]:
    """One server for all addresses; in the end the log holds nothing but the schema and one batch's life."""
    async with serving(tmp_path_factory.mktemp("addresses") / "data", MAX_UPLOAD_BYTES=str(LIMIT)) as server:
        await register(server)
        await published(server, "b1")
        yield server
        assert await server.stop() == 0
        assert "Traceback" not in server.log()


async def test_a_changed_address_takes_no_file(mesh: ServerProcess) -> None:
    url, file = await address(mesh)
    last = "0" if url[-1] != "0" else "1"
    for changed in (
        url[:-1] + last,
        url.replace("/people.csv?", "/others.csv?"),
        url.replace("X-Amz-Expires=", "X-Amz-Expires=9"),
        url.replace(f"max-bytes={LIMIT}", f"max-bytes={LIMIT + 1}"),
        url.replace(urlsplit(url).path, "/storage/people/gold/b1/1.parquet"),
    ):
        assert changed != url
        assert told(await put(changed, CSV)) == (403, "FORBIDDEN", FORGED)
    assert told(await get(url)) == (403, "FORBIDDEN", FORGED)
    status, code, message = told(await put(url.partition("?")[0], CSV))
    assert (status, code) == (400, "BAD_USER_INPUT")
    assert message.endswith("ask for a new address and use it as it is")
    for path in ("/storage/%2e%2e/%2e%2e/etc/passwd", "/storage/landing//x", "/storage/"):
        response = await put(f"{mesh.url}{path}?{urlsplit(url).query}", CSV)
        assert response.status_code in (400, 403)
    refused = await refusal(mesh, "appendData", **append(file))
    assert refused["message"] == f"nothing was uploaded to {file!r} yet; PUT the file first"
    assert (await put(url, CSV)).status_code == 201


async def test_an_address_takes_one_file(mesh: ServerProcess) -> None:
    url, file = await address(mesh)
    assert (await put(url, CSV)).status_code == 201
    again = f"a file stands under {file!r} already: each address takes one; ask for a new one"
    assert told(await put(url, "id,email,spent\n")) == (409, "ALREADY_EXISTS", again)
    made = await do(mesh, "appendData", "batch { rowCount }", **append(file, "once"))
    assert made == {"batch": {"rowCount": 1}}


async def test_an_expired_address_takes_none(mesh: ServerProcess) -> None:
    url, _ = await address(mesh, seconds=1)
    async with asyncio.timeout(PATIENCE):
        # a file that is too large is refused as long as the address lives, so that asking uses nothing up
        response = await put(url, b"x" * (LIMIT + 1))
        while response.status_code == 413:
            response = await put(url, b"x" * (LIMIT + 1))
    status, code, message = told(response)
    assert (status, code) == (403, "FORBIDDEN")
    assert message.startswith("this address expired at ")
    assert message.endswith("; ask for a new one")


async def test_a_file_over_the_limit_leaves_the_address_unused(mesh: ServerProcess) -> None:
    url, _ = await address(mesh)
    large = f"the file is larger than the {LIMIT} bytes allowed here: split it into several uploads"
    assert told(await put(url, b"x" * (LIMIT + 1))) == (413, "LIMIT_EXCEEDED", large)

    async def unmeasured() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * (LIMIT // 2)

    async with httpx.AsyncClient(timeout=PATIENCE) as anybody:
        assert told(await anybody.put(url, content=unmeasured())) == (413, "LIMIT_EXCEEDED", large)
    assert (await put(url, b"x" * LIMIT)).status_code == 201


async def test_a_file_cut_off_half_way_leaves_the_address_unused(mesh: ServerProcess) -> None:
    url, file = await address(mesh)
    where = urlsplit(url)
    _, writer = await asyncio.open_connection(where.hostname, where.port)
    writer.write(f"PUT {where.path}?{where.query} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{CSV}".encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    refused = await refusal(mesh, "appendData", **append(file))
    assert (refused["code"], refused["field"]) == ("NOT_FOUND", "fileUrl")
    assert (await put(url, CSV)).status_code == 201
    made = await do(mesh, "appendData", "batch { rowCount }", **append(file, "whole"))
    assert made == {"batch": {"rowCount": 1}}


async def test_a_grants_address_gives_its_file_and_no_other(mesh: ServerProcess) -> None:
    position = await head(mesh)
    made = await do(mesh, "grantConsumption", "grant { id url { url } }", batchId="b1", consumer="analytics")
    url, grant = made["grant"]["url"]["url"], made["grant"]["id"]
    assert len(await rows(url)) == 3
    assert told(await put(url, CSV)) == (403, "FORBIDDEN", FORGED)
    for layer in ("bronze", "silver"):
        assert told(await get(url.replace("/gold/", f"/{layer}/"))) == (403, "FORBIDDEN", FORGED)
    bare = grant.removeprefix("grant:")
    assert told(await get(url.replace(f"&grant={bare}", ""))) == (403, "FORBIDDEN", FORGED)
    await do(mesh, "revokeConsumption", grant=grant)
    ended = "this grant has ended or its batch is withdrawn; ask its owner for a new grant"
    assert told(await get(url)) == (403, "FORBIDDEN", ended)
    assert await head(mesh) == position + 2


def append(file: str, batch: str = "none") -> Json:
    """The append of an upload."""
    return {"dataset": "people", "contractId": "people-contract", "batchId": batch, "fileUrl": file}


def told(response: httpx.Response) -> tuple[int, str, str]:
    """Status, code and message of a refusal."""
    error = response.json()["error"]
    return response.status_code, error["code"], error["message"]

"""A small mesh to tell a server: the dataset `people`, its contract, files, and mutations by their name."""

import asyncio
import io
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pyarrow.parquet as parquet

from tests.system.serving import PATIENCE, ServerProcess

Json = dict[str, Any]

FIELDS: list[Json] = [
    {"name": "id", "type": "int", "nullable": False},
    {"name": "email", "type": "string", "pii": True},
    {"name": "spent", "type": "decimal(10,2)"},
]
QUALITY = [{"column": "id", "check": "unique"}, {"column": "spent", "check": "> 0"}]
PRIVACY = [{"column": "email", "strategy": "MASK"}]
CSV = "id,email,spent\n1,ada@example.com,10.50\n2,bo@example.org,20\n3,cy@example.net,30.00\n"
MORE = "id,email,spent\n4,di@example.com,400\n5,ed@example.org,5\n"

BATCH = "batch { id status layers rowCount revision } run { kind status progress } events { position type stream }"
EVENTS = "events { position type stream }"


async def do(server: ServerProcess, name: str, select: str = EVENTS, /, **given: Any) -> Json:
    """The payload of one mutation."""
    payload: Json = (await server.ask(document(name, select), input=given))[name]
    return payload


async def refusal(server: ServerProcess, name: str, /, **given: Any) -> Json:
    """The one error of a mutation that is refused: its code, message, and field where it names one.

    Whatever it says, it says nothing of the machine or of SQL.
    """
    answer = await server.answer(document(name, "__typename"), input=given)
    assert answer.get("data") is None, answer
    (error,) = answer["errors"]
    for inside in (str(server.data_dir), "select ", "insert into", "Traceback", "asyncpg", "duckdb"):
        assert inside not in str(error), error
    told = error["extensions"]
    return {"code": told["code"], "message": error["message"]} | {
        name: told[name] for name in ("field",) if name in told
    }


DECISIONS = ("holdGdprDeletion", "releaseGdprDeletion", "rejectGdprDeletion")  # their input is one type


def document(name: str, select: str) -> str:
    """A mutation with one input."""
    kind = "DecideGdprDeletionInput" if name in DECISIONS else f"{name[0].upper()}{name[1:]}Input"
    return f"mutation ($input: {kind}!) {{ {name}(input: $input) {{ {select} }} }}"


async def head(server: ServerProcess) -> int:
    """The last position of the log."""
    position: int = (await server.ask("{ serverInfo { position } }"))["serverInfo"]["position"]
    return position


async def address(server: ServerProcess, filename: str = "people.csv", seconds: int = 900) -> tuple[str, str]:
    """An upload address and its fileUrl."""
    select = "fileUrl uploadUrl { url method headers }"
    made = await do(server, "createUploadUrl", select, filename=filename, expiresInSeconds=seconds)
    assert (made["uploadUrl"]["method"], made["uploadUrl"]["headers"]) == ("PUT", {})
    return made["uploadUrl"]["url"], made["fileUrl"]


async def upload(server: ServerProcess, content: str | bytes) -> str:
    """The fileUrl of a file that was sent."""
    url, file_url = await address(server)
    response = await put(url, content)
    assert response.status_code == 201, response.text
    assert response.json()["fileUrl"] == file_url
    return file_url


async def put(url: str, content: str | bytes) -> httpx.Response:
    """The answer to a file sent by somebody who has nothing but the address."""
    async with httpx.AsyncClient(timeout=PATIENCE) as anybody:
        return await anybody.put(url, content=content)


async def get(url: str) -> httpx.Response:
    """What somebody gets who has nothing but the address."""
    async with httpx.AsyncClient(timeout=PATIENCE) as anybody:
        return await anybody.get(url)


async def rows(url: str) -> list[Json]:
    """The rows of the Parquet file at an address, without the instant of their append."""
    response = await get(url)
    assert response.status_code == 200, response.text
    table = parquet.read_table(io.BytesIO(response.content))
    assert table.column_names[:3] == ["_id", "_batch_id", "_created_at"]
    found: list[Json] = table.drop_columns("_created_at").to_pylist()
    return found


async def register(server: ServerProcess) -> None:
    """The dataset and its contract: positions 1 and 2 of an empty log."""
    await do(server, "registerDataset", name="people", fields=FIELDS)
    await do(
        server,
        "createContract",
        contractId="people-contract",
        dataset="people",
        qualityRules=QUALITY,
        privacyRules=PRIVACY,
    )


async def append(server: ServerProcess, batch: str, content: str | bytes = CSV) -> Json:
    """The payload of a batch made of this content."""
    file = await upload(server, content)
    return await do(
        server, "appendData", BATCH, dataset="people", contractId="people-contract", batchId=batch, fileUrl=file
    )


async def published(server: ServerProcess, batch: str, content: str = CSV) -> None:
    """A batch that went all the way."""
    await append(server, batch, content)
    for step in ("runQualityCheck", "anonymizeData", "publishData"):
        await do(server, step, batchId=batch)


class Window:
    """What a subscriber has seen, told in order."""

    def __init__(self) -> None:
        self._seen: asyncio.Queue[Json] = asyncio.Queue()

    async def watch(self, messages: AsyncIterator[Json], field: str) -> None:
        """Take in each message."""
        async for message in messages:
            self._seen.put_nowait(message[field])

    async def next(self, count: int = 1) -> list[Json]:
        """The next messages, waited for."""
        async with asyncio.timeout(PATIENCE):
            return [await self._seen.get() for _ in range(count)]

    @property
    def empty(self) -> bool:
        """Whether everything that came was looked at."""
        return self._seen.empty()


@asynccontextmanager
async def window(server: ServerProcess, query: str, field: str, **variables: object) -> AsyncGenerator[Window]:
    """A subscription in a window of its own."""
    opened = Window()
    task = asyncio.create_task(opened.watch(server.subscribe(query, **variables), field))
    try:
        yield opened
    finally:
        task.cancel()
        await asyncio.wait([task])

"""Rows of a lake through a real server: whoever saw a byte stands in the log, whatever became of the server."""

import asyncio
import json
import signal
from uuid import uuid4

import httpx
import websockets
from websockets.typing import Subprotocol

from tests.system.ledger import read_tables
from tests.system.serving import PATIENCE, ServerProcess, command
from tests.system.story import Json, do, published, register

CLIENTS = 24
SEEN = 150  # answers after which the server dies
RECORDS = '{ dataset(name: "people") { records(layer: SILVER, first: 2) { nodes } } }'
STREAM = '{ dataset(name: "people") { streamUrl(layer: SILVER) { url } } }'
AUDITED = """query($after: String) { events(filter: {types: ["AccessAudited"]}, first: 500, after: $after) {
  pageInfo { hasNextPage endCursor } nodes { position correlationId actor data } } }"""


async def lake(server: ServerProcess, level: str = "STANDARD") -> None:
    """The published batch `b1` of `people` in a lake."""
    fields = [
        {"name": "id", "type": "int", "nullable": False, "subjectKey": True},
        {"name": "email", "type": "string", "pii": True},
        {"name": "spent", "type": "decimal(10,2)"},
    ]
    await register(server)
    await do(server, "evolveSchema", dataset="people", fields=fields, compatibility="NONE")
    await published(server, "b1")
    await do(server, "createDataLake", lakeId="eu", name="EU", owner="care", region="eu", complianceLevel=level)
    await do(server, "ingestDataset", lake="eu", dataset="people", dataSource="shop", recordCount=3, containsPii=True)


async def test_whoever_saw_a_byte_stands_in_the_log_when_the_server_is_killed(server: ServerProcess) -> None:
    await lake(server)
    address = (await server.ask(STREAM))["dataset"]["streamUrl"]["url"]
    grant = (await do(server, "grantConsumption", "grant { url { url } }", batchId="b1", consumer="bi"))["grant"]
    seen: dict[str, str] = {}

    async def read(client: int) -> None:
        async with httpx.AsyncClient(timeout=PATIENCE) as own:
            while True:
                name = str(uuid4())
                headers = {"X-Correlation-Id": name}
                try:
                    match client % 3:
                        case 0:
                            answer = await server.client.post("/graphql", json={"query": RECORDS}, headers=headers)
                            assert "errors" not in answer.json()
                            seen[name] = "records"
                        case 1:
                            async with own.stream("GET", address, headers=headers) as streamed:
                                await anext(streamed.aiter_raw())
                                seen[name] = "stream"
                        case _:
                            async with own.stream("GET", grant["url"]["url"], headers=headers) as file:
                                await anext(file.aiter_raw())
                                seen[name] = "download"
                except httpx.TransportError:
                    return
                if len(seen) >= SEEN and server.process.returncode is None:
                    server.process.kill()

    await asyncio.gather(*map(read, range(CLIENTS)))
    assert await server.ended() == -signal.SIGKILL
    assert len(seen) >= SEEN
    assert set(seen.values()) == {"records", "stream", "download"}

    await server.start()
    events = await audited(server)
    recorded = {event["correlationId"]: event["data"]["action"] for event in events}
    assert len(recorded) == len(events)
    assert {name: recorded.get(name) for name in seen} == seen
    assert {(event["actor"], event["data"]["accessor"]) for event in events} == {
        ("admin", "admin"),
        ("bi", "bi"),
    }
    log = (await server.ask('{ dataLake(id: "eu") { accessLog { totalCount } } }'))["dataLake"]["accessLog"]
    assert log["totalCount"] == len(events)

    live = await read_tables(server.data_dir)
    assert (await command(server.data_dir, "rebuild"))[0] == 0
    assert await read_tables(server.data_dir) == live


async def test_a_guarded_lake_takes_the_purpose_from_a_header_a_socket_and_an_address(server: ServerProcess) -> None:
    await lake(server, "GDPR")
    refused = (await server.answer(RECORDS))["errors"][0]
    assert (refused["extensions"]["code"], refused["extensions"]["field"]) == ("BAD_USER_INPUT", "purpose")

    said = {b"X-Purpose": "Prüfung 7".encode()}
    answer = (await server.client.post("/graphql", json={"query": RECORDS}, headers=said)).json()
    assert len(answer["data"]["dataset"]["records"]["nodes"]) == 2
    assert len((await by_socket(server, purpose="by socket"))["dataset"]["records"]["nodes"]) == 2
    made = (await server.client.post("/graphql", json={"query": STREAM}, headers=said)).json()
    async with httpx.AsyncClient(timeout=PATIENCE) as anybody:
        url = made["data"]["dataset"]["streamUrl"]["url"]
        assert (await anybody.head(url)).status_code == 200
        assert (await anybody.get(url)).content.count(b"\n") == 3
        twice = await anybody.get(url, headers=[("X-Purpose", "a"), ("X-Purpose", "b")])
    assert (twice.status_code, twice.json()["error"]["code"]) == (400, "BAD_USER_INPUT")
    assert [(event["data"]["action"], event["data"]["purpose"]) for event in await audited(server)] == [
        ("records", "Prüfung 7"),
        ("records", "by socket"),
        ("stream", "Prüfung 7"),
    ]


async def by_socket(server: ServerProcess, **said: str) -> Json:
    """What a socket answers to RECORDS, on which this was said at its beginning."""
    address = f"ws{server.url.removeprefix('http')}/graphql"
    async with websockets.connect(address, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
        await socket.send(json.dumps({"type": "connection_init", "payload": server.headers | said}))
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": RECORDS}}))
        data: Json = json.loads(await socket.recv())["payload"]["data"]
        return data


async def audited(server: ServerProcess) -> list[Json]:
    """Every access in the log."""
    found: list[Json] = []
    after: str | None = None
    while True:
        page = (await server.ask(AUDITED, after=after))["events"]
        found += page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            return found
        after = page["pageInfo"]["endCursor"]

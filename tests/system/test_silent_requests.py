"""The id of whoever asks for erasure: in the answers to those who may see it, and in no file, table, log or refusal."""

import asyncio
import json
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import websockets

from server.adapters.postgres.datadir import DataDir
from tests.system.serving import ServerProcess, serving

CANARY = "Zanzibar-Ünal 471147114711"
SPELLINGS = [
    CANARY.encode(),
    CANARY.lower().encode(),
    CANARY.upper().encode(),
    b"anzibar",
    b"ANZIBAR",
    b"nal 47114711",
    "anzibar".encode("utf-16-le"),
    b"Zanzibar-%C3%9Cnal",
    CANARY.encode().hex().encode(),
]
REQUEST = """mutation ($input: RequestGdprDeletionInput!) {
  requestGdprDeletion(input: $input) { deletion { id subjectId } }
}"""
GIVEN = {"lake": "eu", "subjectId": CANARY, "reason": "by letter", "requestedBy": "desk 4"}


def found_in(content: bytes) -> list[bytes]:
    return [spelling for spelling in SPELLINGS if spelling in content]


def literal(**given: str) -> str:
    members = ", ".join(f"{name}: {json.dumps(value)}" for name, value in (GIVEN | given).items())
    return f"mutation {{ requestGdprDeletion(input: {{{members}}}) {{ deletion {{ id }} }} }}"


def posted(query: str, headers: dict[str, str] | None = None, **variables: Any) -> dict[str, Any]:
    return {"json": {"query": query, "variables": variables}, "headers": headers or {}}


def with_input(**given: Any) -> dict[str, Any]:
    return posted(REQUEST, input=GIVEN | given)


def bodies() -> list[tuple[str, dict[str, Any]]]:
    """Requests that are refused, each for another reason, and what httpx sends."""
    quoted = httpx.QueryParams({"q": CANARY})
    return [
        ("BAD_USER_INPUT", with_input(reason=f"{CANARY.upper()} wrote")),
        ("BAD_USER_INPUT", with_input(reason=f"see /people?{quoted}")),
        ("BAD_USER_INPUT", with_input(requestedBy=CANARY)),
        ("BAD_USER_INPUT", with_input(idempotencyKey=f"erase {CANARY}")),
        ("BAD_USER_INPUT", with_input(lake=CANARY)),
        ("BAD_USER_INPUT", with_input(subjectId=f"{CANARY}\n{CANARY}")),
        ("BAD_USER_INPUT", with_input(subjectId=CANARY * 20)),
        ("BAD_USER_INPUT", with_input(subjectId=[CANARY])),
        ("BAD_USER_INPUT", with_input(subjectId={"id": CANARY})),
        ("BAD_USER_INPUT", with_input(idempotencyKey=CANARY * 30)),
        ("BAD_USER_INPUT", posted(REQUEST, input=CANARY)),
        ("BAD_USER_INPUT", posted(REQUEST, input={"subjectId": CANARY})),
        ("NOT_FOUND", with_input(lake="none")),
        ("NOT_FOUND", with_input(lake="Zanzibar-1", subjectId="Zanzibar-1")),
        ("PRECONDITION_FAILED", with_input(lake="open")),
        ("GRAPHQL_VALIDATION_FAILED", posted(literal().replace('"by letter"', "5"))),
        ("GRAPHQL_VALIDATION_FAILED", posted(literal().replace("subjectId:", "subject:"))),
        ("GRAPHQL_VALIDATION_FAILED", posted(literal().replace("deletion {", f"deletion(x: {json.dumps(CANARY)}) {{"))),
        ("GRAPHQL_PARSE_FAILED", posted(literal().replace("subjectId:", "subjectId"))),
        ("GRAPHQL_PARSE_FAILED", posted(literal() + json.dumps(CANARY))),
        ("GRAPHQL_PARSE_FAILED", posted(literal().replace('4711"', "4711"))),
        (
            "BAD_USER_INPUT",
            {"content": json.dumps({"query": literal()})[:-2], "headers": {"content-type": "application/json"}},
        ),
        ("BAD_USER_INPUT", {"content": literal(), "headers": {"content-type": "text/plain"}}),
        ("BAD_USER_INPUT", posted(REQUEST, {"X-Correlation-Id": f"erase {quoted}"}, input=GIVEN)),
    ]


async def ask(server: ServerProcess, sent: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = (await server.client.post("/graphql", **sent)).json()
    return answer


async def by_socket(server: ServerProcess, payload: dict[str, Any]) -> dict[str, Any]:
    address = f"ws{server.url.removeprefix('http')}/graphql"
    async with websockets.connect(address, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
        await socket.send(json.dumps({"type": "connection_init", "payload": server.headers}))
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        message: dict[str, Any] = json.loads(await socket.recv())
        return message


async def decide(server: ServerProcess, deletion: str) -> None:
    """Each later step, first with the id in it."""
    document = "mutation ($input: DecideGdprDeletionInput!) { %s(input: $input) { deletion { id } } }"
    for step in ("holdGdprDeletion", "releaseGdprDeletion"):
        for given, headers in (
            ({"reason": f"about {CANARY.lower()}"}, {}),
            ({"reason": "court", "idempotencyKey": CANARY}, {}),
            ({"reason": "court"}, {"X-Correlation-Id": str(httpx.QueryParams({"q": CANARY}))}),
        ):
            answer = await ask(server, posted(document % step, headers, input={"deletion": deletion} | given))
            assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT", answer
            assert found_in(json.dumps(answer, ensure_ascii=False).encode()) == []
        await server.ask(document % step, input={"deletion": deletion, "reason": "court"})
    run = "mutation ($input: ProcessGdprDeletionInput!) { processGdprDeletion(input: $input) { run { id } } }"
    answer = await ask(server, posted(run, input={"deletion": deletion, "idempotencyKey": CANARY}))
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def dumped(data_dir: Path) -> bytes:
    """Every row of every table as text, once all of it is in the files too."""
    connection = await asyncpg.connect(DataDir(path=data_dir.resolve()).dsn())
    try:
        await connection.execute("checkpoint")
        tables = await connection.fetch(
            "select schemaname, tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
        )
        rows = [
            str(row[0])
            for schema, table in tables
            for row in await connection.fetch(f'select t::text from "{schema}"."{table}" t')
        ]
        assert any("GDPRDeletionRequested" in row for row in rows)
        return "\n".join(rows).encode()
    finally:
        await connection.close()


async def test_no_byte_of_the_id_is_anywhere_else(data_dir: Path) -> None:
    lake = """mutation ($id: String!, $level: ComplianceLevel) { createDataLake(input: {
      lakeId: $id, name: $id, owner: "ann", region: "eu", complianceLevel: $level}) { dataLake { id } } }"""
    async with serving(data_dir, LOG_LEVEL="DEBUG") as server:
        await server.ask(lake, id="eu", level="GDPR")
        await server.ask(lake, id="open", level="STANDARD")
        for code, sent in bodies():
            answer = await ask(server, sent)
            assert "data" not in answer or answer["data"] is None, answer
            assert answer["errors"][0]["extensions"]["code"] == code, (code, answer)
            assert found_in(json.dumps(answer, ensure_ascii=False).encode()) == [], answer
        made = (await ask(server, with_input(idempotencyKey="k1")))["data"]["requestGdprDeletion"]["deletion"]
        assert made["subjectId"] == CANARY
        again = await ask(server, with_input())
        assert again["errors"][0]["extensions"]["code"] == "PRECONDITION_FAILED"
        assert found_in(json.dumps(again, ensure_ascii=False).encode()) == []
        other = await ask(server, with_input(subjectId=f"{CANARY}!", idempotencyKey="k1"))
        assert other["errors"][0]["extensions"]["code"] == "CONFLICT"
        assert (await ask(server, posted(literal(subjectId=f"{CANARY}2"))))["data"]
        others = {name: value for name, value in GIVEN.items() if name != "subjectId"}
        ending = {"input": others | {"subjectId": f"{CANARY}3"}}  # logs of frames show how they end
        message = await by_socket(server, {"query": REQUEST, "variables": ending})
        assert message["payload"]["data"]["requestGdprDeletion"]["deletion"]["subjectId"] == f"{CANARY}3"
        message = await by_socket(server, {"query": REQUEST, "variables": {"input": GIVEN | {"reason": CANARY}}})
        assert found_in(json.dumps(message, ensure_ascii=False).encode()) == []
        await server.client.get("/graphql", params={"query": "{ domains { totalCount } }"})
        await decide(server, made["id"])
        assert found_in(await dumped(data_dir)) == []
        assert await server.stop() == 0
    log = server.log()
    assert "DEBUG" in log
    assert found_in(log.encode()) == []
    for path in [path for path in data_dir.rglob("*") if path.is_file()]:
        assert found_in(await asyncio.to_thread(path.read_bytes)) == [], path

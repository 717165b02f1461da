"""Accesses that took place elsewhere, told by auditAccess."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from server.kernel.caller import ANONYMOUS, Caller, Role
from tests.mesh.at_work import AtWork, at_work
from tests.mesh.audit.lakes import head, ingest, lake, seen

AUDIT = """mutation($input: AuditAccessInput!) { auditAccess(input: $input) {
  access { accessor dataset { name } action purpose position } events { type stream position }
} }"""
TOLD = {"lake": "open", "dataset": "d", "accessor": "etl@warehouse", "action": "copy", "purpose": "billing"}


@pytest.fixture
async def mesh(database_url: str, tmp_path: Path) -> AsyncIterator[AtWork]:
    """The dataset `d` in the lake `open`, `e` in none, and the lake `empty`."""
    async with at_work(database_url, tmp_path) as mesh:
        for dataset in ("d", "e"):
            await mesh.dataset(dataset)
        for name in ("open", "empty"):
            await lake(mesh, name)
        await ingest(mesh, "open", "d")
        yield mesh


async def test_records_what_it_is_told(mesh: AtWork) -> None:
    position = await head(mesh) + 1
    told = (await mesh.ask(AUDIT, input=TOLD))["auditAccess"]
    assert told == {
        "access": {
            "accessor": "etl@warehouse",
            "dataset": {"name": "d"},
            "action": "copy",
            "purpose": "billing",
            "position": position,
        },
        "events": [{"type": "AccessAudited", "stream": "lake:open", "position": position}],
    }
    assert await seen(mesh, "open") == [("etl@warehouse", "d", "copy", "billing")]


async def test_the_same_key_tells_the_same_access(mesh: AtWork) -> None:
    told = [await mesh.ask(AUDIT, input=TOLD | {"idempotencyKey": "k"}) for _ in range(2)]
    assert told[0] == told[1]
    assert len(await seen(mesh, "open")) == 1
    refused = await mesh.refused(AUDIT, input=TOLD | {"idempotencyKey": "k", "action": "other"})
    assert refused[0] == "CONFLICT"


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        ({"lake": "none"}, "NOT_FOUND", "data lake 'none' is not known; create it with createDataLake"),
        ({"dataset": "none"}, "NOT_FOUND", "dataset 'none' is not known; register it with registerDataset"),
        (
            {"dataset": "e"},
            "PRECONDITION_FAILED",
            "dataset 'e' is not in lake 'open'; ingest it with ingestDataset first",
        ),
        (
            {"lake": "empty"},
            "PRECONDITION_FAILED",
            "dataset 'd' is not in lake 'empty'; ingest it with ingestDataset first",
        ),
        ({"accessor": " "}, "BAD_USER_INPUT", "accessor is empty; name who read"),
        ({"action": ""}, "BAD_USER_INPUT", "action is empty; say what was done"),
        ({"purpose": ""}, "BAD_USER_INPUT", "purpose is empty; say in a few words why the data is read"),
        ({"purpose": "a\nb"}, "BAD_USER_INPUT", "purpose holds a control character; write plain text"),
        ({"accessor": "x" * 257}, "BAD_USER_INPUT", "accessor has 257 characters; 256 are allowed"),
    ],
)
async def test_refuses_what_it_cannot_record(mesh: AtWork, given: dict[str, Any], code: str, message: str) -> None:
    before = await head(mesh)
    assert await mesh.refused(AUDIT, input=TOLD | given) == (code, message)
    assert await head(mesh) == before


async def test_only_those_who_guard_compliance_record_and_read_the_log(mesh: AtWork) -> None:
    officer = Caller(name="officer", roles=frozenset({Role.COMPLIANCE}))
    reader = Caller(name="bi", roles=frozenset({Role.CONSUMER}))
    log = '{ dataLake(id: "open") { accessLog { totalCount } } }'
    for caller, code in ((ANONYMOUS, "UNAUTHENTICATED"), (reader, "FORBIDDEN")):
        assert (await mesh.refused(log, caller))[0] == code
        assert (await mesh.refused(AUDIT, caller, input=TOLD))[0] == code
    document = AUDIT.replace("events { type stream position }", "__typename")
    assert (await mesh.ask(document, officer, input=TOLD))["auditAccess"]["access"]["action"] == "copy"
    assert (await mesh.ask(log, officer))["dataLake"]["accessLog"] == {"totalCount": 1}

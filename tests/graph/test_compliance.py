"""Reports on lakes and exports of their audit trail, asked through the graph."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from server.kernel.caller import Caller, Role
from tests.graph.conftest import Graph
from tests.mesh.at_work import AtWork, at_work

REPORT = """{
  lake { lakeId } from to datasets datasetsWithPii deletionsRequested deletionsCompleted deletionsRejected
  deletionsPending deletionsOverdue deletionsHeld averageCompletionHours accessEvents
  accessByDataset { key count } accessByAccessor { key count }
}"""
EMPTY: dict[str, Any] = {
    "from": None,
    "datasets": 0,
    "datasetsWithPii": 0,
    "deletionsRequested": 0,
    "deletionsCompleted": 0,
    "deletionsRejected": 0,
    "deletionsPending": 0,
    "deletionsOverdue": 0,
    "deletionsHeld": 0,
    "averageCompletionHours": None,
    "accessEvents": 0,
    "accessByDataset": [],
    "accessByAccessor": [],
}
FIELDS = [{"name": "person", "type": "string", "pii": True, "subjectKey": True}, {"name": "n", "type": "int"}]
ANN = Caller(name="ann", roles=frozenset({Role.COMPLIANCE}))
BOB = Caller(name="bob", roles=frozenset({Role.PRODUCER, Role.CONSUMER}))


@pytest.fixture
async def mesh(database_url: str, tmp_path: Path) -> AsyncIterator[AtWork]:
    """The lake `eu` with two datasets, one of them personal, three requests and three accesses."""
    async with at_work(database_url, tmp_path) as mesh:
        await mesh.do("createDataLake", lakeId="eu", name="EU", owner="ann", region="eu", complianceLevel="GDPR")
        await mesh.do("registerDataset", name="people", fields=FIELDS)
        await mesh.do("registerDataset", name="numbers", fields=FIELDS[1:])
        for name, pii in (("people", True), ("numbers", False)):
            await mesh.do("ingestDataset", lake="eu", dataset=name, dataSource="crm", recordCount=1, containsPii=pii)
        for subject in ("subject-1", "subject-2", "subject-3"):
            await mesh.do("requestGdprDeletion", lake="eu", subjectId=subject, reason="asked", requestedBy="dpo")
        for accessor, dataset in (("eve", "people"), ("bob", "numbers"), ("eve", "people")):
            access = {"accessor": accessor, "dataset": dataset, "action": "read", "purpose": "care"}
            await mesh.do("auditAccess", lake="eu", **access)
        yield mesh


async def report(mesh: Graph, arguments: str = "", catalog: str = "", caller: Caller = ANN) -> dict[str, Any]:
    """A lake's report."""
    field = f'dataLake(id: "eu") {{ complianceReport{arguments} {REPORT} }}'
    data = await mesh.ask(f"{{ {catalog} {{ {field} }} }}" if catalog else f"{{ {field} }}", caller)
    found: dict[str, Any] = (data["catalog"] if catalog else data)["dataLake"]["complianceReport"]
    assert found.pop("lake") == {"lakeId": "eu"}
    return found


async def requests(mesh: Graph) -> list[str]:
    """The requests for erasure, oldest first."""
    data = await mesh.ask('{ dataLake(id: "eu") { deletions { nodes { id } } } }')
    return [node["id"] for node in data["dataLake"]["deletions"]["nodes"]]


async def test_reports_what_the_lake_can_show(mesh: AtWork) -> None:
    done, held, _ = await requests(mesh)
    hold = 'mutation($id: ID!) { holdGdprDeletion(input: {deletion: $id, reason: "a lawsuit"}) { events { type } } }'
    await mesh.ask(hold, ANN, id=held)
    await mesh.do("processGdprDeletion", deletion=done, waitSeconds=30)
    found = await report(mesh)
    hours = found.pop("averageCompletionHours")
    assert 0 < hours < 0.1
    expected = EMPTY | {
        "to": (await mesh.ask("{ catalog { asOf } }"))["catalog"]["asOf"],
        "datasets": 2,
        "datasetsWithPii": 1,
        "deletionsRequested": 3,
        "deletionsCompleted": 1,
        "deletionsPending": 1,
        "deletionsHeld": 1,
        "accessEvents": 3,
        "accessByDataset": [{"key": "dataset:people", "count": 2}, {"key": "dataset:numbers", "count": 1}],
        "accessByAccessor": [{"key": "eve", "count": 2}, {"key": "bob", "count": 1}],
    }
    assert {**found, "averageCompletionHours": None} == expected


async def test_reports_a_period_and_the_past(mesh: AtWork) -> None:
    events = (await mesh.ask("{ events(first: 50) { nodes { position type occurredAt } } }"))["events"]["nodes"]
    first, second = [event for event in events if event["type"] == "GDPRDeletionRequested"][:2]
    catalog = f"catalog(atPosition: {first['position']})"
    stood = EMPTY | {"datasets": 2, "datasetsWithPii": 1}
    expected = stood | {"to": first["occurredAt"], "deletionsRequested": 1, "deletionsPending": 1}
    assert await report(mesh, catalog=catalog) == expected
    period = f'(from: "{second["occurredAt"]}", to: "{second["occurredAt"]}")'
    bounds = {"from": second["occurredAt"], "to": second["occurredAt"]}
    assert await report(mesh, period) == stood | bounds | {"deletionsRequested": 1, "deletionsPending": 2}
    arguments = f'(to: "{events[0]["occurredAt"]}")'
    assert await report(mesh, arguments) == EMPTY | {"to": events[0]["occurredAt"]}


async def test_the_number_of_statements_does_not_grow_with_the_lakes(mesh: AtWork, graph: Graph) -> None:
    query = f"{{ dataLakes(first: 50) {{ nodes {{ complianceReport {REPORT} }} }} }}"

    async def sent() -> Counter[str]:
        graph.statements.clear()
        await graph.ask(query)
        return Counter(text for text in graph.statements if "from " in text)

    await sent()  # a connection asks about types once
    few = await sent()
    assert sum(few.values()) < 15
    for number in range(20):
        await mesh.do("createDataLake", lakeId=f"l{number}", name=f"L{number}", owner="ann", region="eu")
    assert await sent() == few


async def test_exports_the_trail_under_an_address(mesh: AtWork) -> None:
    asked = '{ exportAudit(lake: "eu", format: NDJSON) { url method headers expiresAt } }'
    address = (await mesh.ask(asked, ANN))["exportAudit"]
    assert (address["method"], address["headers"]) == ("GET", {})
    token = address["url"].removeprefix("http://lakemesh.test/stream/audit/")
    opened = await mesh.parts.mesh.audit_exports.open(token)
    *lines, last = b"".join([piece async for piece in opened.pieces()]).splitlines()
    listed = await mesh.ask(
        '{ events(filter: {lake: "eu"}) { nodes { position type stream version actor correlationId hash data } } }'
    )
    exported = [orjson.loads(line) for line in lines]
    assert [{**event, "recordedAt": None} for event in listed["events"]["nodes"]] == [
        {**event, "recordedAt": None} for event in exported
    ]
    assert len(exported) == 9
    assert orjson.loads(orjson.loads(last)["statement"])["count"] == 9


@pytest.mark.parametrize(
    "query", ['{ dataLake(id: "eu") { complianceReport { datasets } } }', '{ exportAudit(lake: "eu") { url } }']
)
async def test_only_compliance_and_admin_see_it(mesh: AtWork, query: str, anonymous: Caller) -> None:
    await mesh.ask(query, ANN)
    assert (await mesh.refused(query, BOB))[0] == "FORBIDDEN"
    assert (await mesh.refused(query, anonymous))[0] == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        (
            '{ dataLake(id: "eu") { complianceReport(from: "2026-02-01T00:00:00Z", to: "2026-01-01T00:00:00Z")'
            " { datasets } } }",
            (
                "BAD_USER_INPUT",
                "from 2026-02-01T00:00:00+00:00 lies after 2026-01-01T00:00:00+00:00, where the period ends;"
                " give an earlier from",
            ),
        ),
        (
            '{ exportAudit(lake: "nowhere") { url } }',
            ("NOT_FOUND", "data lake 'nowhere' is not known; create it with createDataLake"),
        ),
        (
            '{ dataLake(id: "eu") { complianceReport { accessByAccessor(first: 501) { key } } } }',
            ("LIMIT_EXCEEDED", "first 501 is over the limit of 500; ask for less"),
        ),
    ],
)
async def test_refusals_say_what_is_needed(mesh: AtWork, query: str, refusal: tuple[str, str]) -> None:
    assert await mesh.refused(query, ANN) == refusal

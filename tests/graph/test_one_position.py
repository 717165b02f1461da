"""What one operation says of a lake is of one moment, whoever writes meanwhile; what a report said it says again."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from server.adapters.store.commands import Commands
from tests.graph.conftest import Graph
from tests.graph.shop import do
from tests.mesh.lake.examples import EU, USERS
from tests.mesh.lake.storm import read

FIGURES = """accessEvents deletionsRequested deletionsPending deletionsHeld datasets
  accessByDataset { count } accessByAccessor { count }"""
LAKE = (
    f"accessLog {{ totalCount }} complianceReport {{ {FIGURES} }} deletions {{ totalCount }} datasets {{ totalCount }}"
)
WHOLE = f"""{{ dataLake(id: "eu") {{ {LAKE} events {{ totalCount }} }}
  catalogDiff(from: 0) {{ to changes(first: 500) {{ nodes {{ id }} }} }} }}"""
AGAIN = f'query($to: DateTime) {{ dataLake(id: "eu") {{ complianceReport(to: $to) {{ to {FIGURES} }} }} }}'
THEN = (
    f'query($at: BigInt) {{ catalog(atPosition: $at) {{ dataLake(id: "eu") {{ {LAKE} events {{ totalCount }} }} }} }}'
)


@pytest.fixture
async def commands(graph: Graph) -> Commands:
    """The commands of a mesh with a guarded lake."""
    await do(graph, "createDataLake", lakeId="eu", name="EU", owner="o", region="eu", complianceLevel="GDPR")
    return graph.parts.commands


async def writing(graph: Graph, commands: Commands) -> None:
    """Accesses, requests that are held, and datasets that come in."""
    given = {"lake": "eu", "reason": "a letter", "requestedBy": "desk"}
    for number in range(12):
        name = "users" if number == 0 else f"more{number}"
        await do(graph, "registerDataset", name=name, schema={"a": "int"})
        ingest = {"lake": "eu", "dataset": name, "dataSource": "crm", "recordCount": 1, "containsPii": False}
        await do(graph, "ingestDataset", **ingest)
        await read(commands, EU, USERS, 7)
        asked = await do(graph, "requestGdprDeletion", "deletion { id }", **given, subjectId=f"person-{number}")
        if number % 2:
            hold = "mutation($i: DecideGdprDeletionInput!) { holdGdprDeletion(input: $i) { deletion { id } } }"
            await graph.ask(hold, i={"deletion": asked["deletion"]["id"], "reason": "a court"})


def counted(answer: dict[str, Any]) -> None:
    """The lake, its report, the log and the difference from the beginning agree."""
    lake, report = answer["dataLake"], answer["dataLake"]["complianceReport"]
    reads, asked, taken = (lake[name]["totalCount"] for name in ("accessLog", "deletions", "datasets"))
    held = report["deletionsHeld"]
    assert (report["accessEvents"], report["deletionsRequested"], report["datasets"]) == (reads, asked, taken)
    assert [row["count"] for row in report["accessByDataset"]] == [reads] * bool(reads)
    assert [row["count"] for row in report["accessByAccessor"]] == [reads] * bool(reads)
    assert report["deletionsPending"] == asked - held
    assert lake["events"]["totalCount"] == 1 + reads + asked + held + taken
    changed = [node["id"] for node in answer["catalogDiff"]["changes"]["nodes"]]
    assert sum(id.startswith("deletion:") for id in changed) == asked
    assert sum(id.startswith("dataset:") for id in changed) - taken in (0, 1)


async def test_each_operation_sees_one_moment_and_the_past_stays(graph: Graph, commands: Commands) -> None:
    work = asyncio.create_task(writing(graph, commands))
    seen: list[dict[str, Any]] = []
    while not work.done():
        counted(answer := await graph.ask(WHOLE))
        seen.append(answer)
    await work
    assert len({answer["catalogDiff"]["to"] for answer in seen}) > 5
    for answer in seen[:: max(1, len(seen) // 20)]:
        then = await graph.ask(THEN, at=answer["catalogDiff"]["to"])
        assert then["catalog"]["dataLake"] == answer["dataLake"]


async def test_a_report_up_to_an_instant_says_later_what_it_said_then(graph: Graph, commands: Commands) -> None:
    work = asyncio.create_task(writing(graph, commands))
    said: list[dict[str, Any]] = []
    while not work.done():
        answer = await graph.ask(AGAIN)
        said.append(answer["dataLake"]["complianceReport"])
    await work
    for report in said:
        answer = await graph.ask(AGAIN, to=report["to"])
        assert answer["dataLake"]["complianceReport"] == report
        earlier = (datetime.fromisoformat(report["to"]) - timedelta(microseconds=1)).isoformat()
        assert (await graph.ask(AGAIN, to=earlier))["dataLake"]["complianceReport"]["to"] == earlier

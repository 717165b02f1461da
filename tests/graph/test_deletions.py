"""Erasure requests through the graph: made, decided on, listed, and shown only to those who may see them."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server.adapters.store.rebuild import rebuild
from server.kernel.caller import ANONYMOUS, Caller, Role
from server.kernel.ids import Urn
from server.kernel.layer import Layer
from server.mesh.lake.facts import ErasedRows
from server.mesh.slices import CODEC, PROJECTIONS, TABLES
from tests.graph.conftest import Graph, Opened
from tests.graph.deletions import (
    DECIDE,
    OFFICER,
    REQUEST,
    SUBJECT,
    asked,
    completed,
    decided,
    deletion,
    lake,
    requested,
)

LIST = """query ($lake: ID!, $status: DeletionStatus, $first: Int, $after: String) {
  dataLake(id: $lake) { deletions(status: $status, first: $first, after: $after) {
    totalCount pageInfo { endCursor } nodes { id status subjectId lake { id } }
  } }
}"""


async def listed(graph: Graph, status: str | None = None, **page: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await graph.ask(LIST, OFFICER, lake="eu", status=status, **page))["dataLake"]["deletions"]
    return found


async def head(graph: Graph) -> int:
    return await graph.parts.mesh.events.head()


async def test_a_request_is_owed_in_30_days_of_the_database_s_clock(graph: Graph) -> None:
    await lake(graph)
    clock = "select clock_timestamp()"
    before = datetime.fromisoformat(await scalar(graph, clock))
    answered = await requested(graph)
    after = datetime.fromisoformat(await scalar(graph, clock))
    made, (event,) = answered["deletion"], answered["events"]
    at, deadline = datetime.fromisoformat(made["requestedAt"]), datetime.fromisoformat(made["deadline"])
    assert before <= at <= after
    assert deadline - at == timedelta(days=30)
    assert uuid.UUID(made["id"].removeprefix("deletion:")).version == 4
    assert {name: made[name] for name in made if name not in ("id", "requestedAt", "deadline")} == {
        "subjectId": SUBJECT,
        "status": "PENDING",
        "reason": "asked by letter",
        "requestedBy": "desk 4",
        "completedAt": None,
        "erased": [],
        "lake": {"id": "lake:eu"},
    }
    assert answered["run"] is None
    assert (event["type"], event["stream"]) == ("GDPRDeletionRequested", "lake:eu")
    names = ("deletion", "lake", "subject_digest", "subject_encrypted", "reason", "requested_by", "deadline")
    assert set(event["data"]) == set(names)
    assert SUBJECT not in str(event["data"])


async def scalar(graph: Graph, statement: str) -> str:
    async with graph.parts.mesh.deletion_service._pool.acquire() as connection:
        return str(await connection.fetchval(statement))


async def test_a_request_is_held_released_and_rejected_with_its_reasons(graph: Graph) -> None:
    await lake(graph)
    one = await deletion(graph)
    held = await decided(graph, "holdGdprDeletion", one, reason="a court asks")
    assert held == {
        "deletion": {"id": one, "status": "HELD", "subjectId": SUBJECT},
        "run": None,
        "events": [{"type": "GDPRDeletionHeld", "data": {"deletion": one, "reason": "a court asks"}}],
    }
    released = await decided(graph, "releaseGdprDeletion", one, reason="the court is done")
    assert released["deletion"] == {"id": one, "status": "PENDING", "subjectId": SUBJECT}
    assert released["events"][0]["data"] == {"deletion": one, "reason": "the court is done"}
    rejected = await decided(graph, "rejectGdprDeletion", one, reason="nobody we know")
    assert rejected["deletion"] == {"id": one, "status": "REJECTED", "subjectId": None}
    assert list(keys(graph)) == []
    position = await head(graph)
    for what in ("holdGdprDeletion", "releaseGdprDeletion", "rejectGdprDeletion"):
        code, message = await graph.refused(DECIDE % what, OFFICER, input={"deletion": one, "reason": "again"})
        assert (code, f"'{one}' is REJECTED" in message) == ("PRECONDITION_FAILED", True)
    assert await head(graph) == position


def keys(graph: Graph) -> list[str]:
    return [made for made, _ in graph.parts.mesh.deletion_service._subjects._keys.made()]  # type: ignore[misc]


async def test_lists_the_requests_of_a_lake_oldest_first_by_status(graph: Graph) -> None:
    await lake(graph)
    await lake(graph, "us")
    ids = [await deletion(graph, subjectId=f"person-{number}") for number in range(5)]
    await deletion(graph, lake="us")
    await decided(graph, "holdGdprDeletion", ids[1])
    await decided(graph, "rejectGdprDeletion", ids[2])
    await completed(graph, ids[3])
    everything = await listed(graph)
    assert [node["id"] for node in everything["nodes"]] == ids
    assert [node["status"] for node in everything["nodes"]] == ["PENDING", "HELD", "REJECTED", "COMPLETED", "PENDING"]
    clear = ["person-0", "person-1", None, None, "person-4"]
    assert [node["subjectId"] for node in everything["nodes"]] == clear
    pending = await listed(graph, "PENDING", first=1)
    assert (pending["totalCount"], [node["id"] for node in pending["nodes"]]) == (2, ids[:1])
    rest = await listed(graph, "PENDING", first=5, after=pending["pageInfo"]["endCursor"])
    assert [node["id"] for node in rest["nodes"]] == ids[4:]
    assert (await listed(graph, "OVERDUE"))["nodes"] == []


async def test_a_list_of_requests_costs_the_same_statements_however_long(graph: Graph) -> None:
    await lake(graph)
    counts = []
    for number in range(6):
        await deletion(graph, subjectId=f"person-{number}")
        if number in (0, 5):
            graph.statements.clear()
            await listed(graph)
            counts.append(len(graph.statements))
    assert counts[0] == counts[1]


async def test_the_past_shows_the_status_of_then_and_never_the_subject_of_a_completed_request(graph: Graph) -> None:
    await lake(graph)
    one = await deletion(graph)
    requested_at = await head(graph)
    await decided(graph, "holdGdprDeletion", one)
    held_at = await head(graph)
    await decided(graph, "releaseGdprDeletion", one)
    query = """query ($at: BigInt!) { catalog(atPosition: $at) { dataLake(id: "eu") {
      deletions { nodes { status subjectId completedAt } } } } }"""

    async def then(position: int) -> dict[str, Any]:
        found: dict[str, Any] = await graph.ask(query, OFFICER, at=position)
        (node,) = found["catalog"]["dataLake"]["deletions"]["nodes"]
        return dict(node)

    assert await then(requested_at) == {"status": "PENDING", "subjectId": SUBJECT, "completedAt": None}
    assert await then(held_at) == {"status": "HELD", "subjectId": SUBJECT, "completedAt": None}
    await completed(graph, one)
    assert len(keys(graph)) == 1, "the run destroys the key after its event; until then nobody is shown the id"
    for position, status in ((requested_at, "PENDING"), (held_at, "HELD"), (await head(graph), "COMPLETED")):
        node = await then(position)
        assert (node["status"], node["subjectId"]) == (status, None)


async def test_knows_a_request_by_its_urn(graph: Graph) -> None:
    await lake(graph)
    one = await deletion(graph)
    query = "query ($id: ID!) { node(id: $id) { id ... on GdprDeletion { status lake { lakeId } } } }"
    found = await graph.ask(query, OFFICER, id=one)
    assert found == {"node": {"id": one, "status": "PENDING", "lake": {"lakeId": "eu"}}}
    assert await graph.ask(query, OFFICER, id="deletion:none") == {"node": None}
    assert (await graph.refused(query, ANONYMOUS, id=one))[0] == "UNAUTHENTICATED"


async def test_events_lead_to_the_request(graph: Graph) -> None:
    await lake(graph)
    one = await deletion(graph)
    query = """{ events(filter: {types: ["GDPRDeletionRequested"]}) { nodes {
      ... on GDPRDeletionRequested { deletion { id status } lake { id } subjectDigest } } } }"""
    (event,) = (await graph.ask(query))["events"]["nodes"]
    digest = graph.parts.mesh.deletion_service._subjects.digest("lake:eu", SUBJECT)  # type: ignore[arg-type]
    assert event == {
        "deletion": {"id": one, "status": "PENDING"},
        "lake": {"id": "lake:eu"},
        "subjectDigest": digest,
    }


@pytest.mark.parametrize("roles", [(), (Role.CONSUMER,), (Role.PRODUCER,), (Role.COMPLIANCE,), (Role.ADMIN,)])
async def test_only_compliance_and_admins_come_near_requests(graph: Graph, roles: tuple[Role, ...]) -> None:
    await lake(graph)
    one = await deletion(graph)
    caller = Caller(name="somebody", roles=frozenset(roles))
    position = await head(graph)
    asking = (
        (LIST, {"lake": "eu"}),
        ("query ($id: ID!) { node(id: $id) { id } }", {"id": one}),
        ("query ($id: ID!) { erasureReceipt(deletion: $id) { receipt } }", {"id": one}),
        (REQUEST, {"input": asked(subjectId="person-2")}),
        (DECIDE % "holdGdprDeletion", {"input": {"deletion": one, "reason": "r"}}),
        (DECIDE % "releaseGdprDeletion", {"input": {"deletion": one, "reason": "r"}}),
        (
            "mutation ($id: ID!) { processGdprDeletion(input: {deletion: $id, waitSeconds: 0}) { run { kind } } }",
            {"id": one},
        ),
        (DECIDE % "rejectGdprDeletion", {"input": {"deletion": one, "reason": "r"}}),
    )
    for query, variables in asking:
        if set(roles) & {Role.COMPLIANCE, Role.ADMIN}:
            await graph.ask(query, caller, **variables)
        else:
            code = (await graph.refused(query, caller, **variables))[0]
            assert code == ("FORBIDDEN" if roles else "UNAUTHENTICATED")
    changed = 4 if set(roles) & {Role.COMPLIANCE, Role.ADMIN} else 0  # requested, held, released, rejected
    assert await head(graph) == position + changed


async def test_refuses_what_a_lake_does_not_take(graph: Graph) -> None:
    await lake(graph)
    await lake(graph, "open", "STANDARD")
    one = await deletion(graph)
    position = await head(graph)
    refused = {
        ("lake", "none"): ("NOT_FOUND", "data lake 'none' is not known; create it with createDataLake"),
        ("lake", "open"): (
            "PRECONDITION_FAILED",
            "data lake 'open' is STANDARD and takes no erasure requests; ask in a lake that is GDPR or STRICT",
        ),
        ("subjectId", f" {SUBJECT} "): (
            "PRECONDITION_FAILED",
            f"'{one}' asks for the erasure of the same subject and is PENDING; it can be processed, held or rejected",
        ),
        ("reason", " "): ("BAD_USER_INPUT", "reason is empty; say it in a few words"),
        ("requestedBy", ""): ("BAD_USER_INPUT", "requestedBy is empty; name who asks, or who handles it"),
        ("requestedBy", "x" * 201): ("BAD_USER_INPUT", "requestedBy has 201 characters; 200 are allowed"),
    }
    for (name, value), expected in refused.items():
        assert await graph.refused(REQUEST, OFFICER, input=asked(**{name: value})) == expected
    unnamed = ("NOT_FOUND", "this lake is not known; create it with createDataLake")
    assert await graph.refused(REQUEST, OFFICER, input=asked(lake="person-7", subjectId="person-7")) == unnamed
    unknown = {"deletion": "deletion:none", "reason": "r"}
    expected = ("NOT_FOUND", "'deletion:none' is not known; take an id that requestGdprDeletion answered")
    assert await graph.refused(DECIDE % "holdGdprDeletion", OFFICER, input=unknown) == expected
    assert await head(graph) == position
    assert len(keys(graph)) == 1, "a refused request leaves no key"


async def test_a_repeated_request_answers_the_first(graph: Graph) -> None:
    await lake(graph)
    first = await requested(graph, idempotencyKey="k1")
    again = await requested(graph, idempotencyKey="k1")
    assert again == first
    assert len(keys(graph)) == 1
    code, message = await graph.refused(REQUEST, OFFICER, input=asked(subjectId="person-2", idempotencyKey="k1"))
    assert (code, "person-2" in message) == ("CONFLICT", False)
    held = await decided(graph, "holdGdprDeletion", first["deletion"]["id"], idempotencyKey="k2")
    assert await decided(graph, "holdGdprDeletion", first["deletion"]["id"], idempotencyKey="k2") == held
    assert await head(graph) == 3


async def test_of_two_requests_for_one_subject_at_once_one_stands(opened: Opened) -> None:
    one, two = await opened(), await opened()
    await lake(one)

    async def ask(graph: Graph) -> str:
        result = await graph.schema.execute(
            REQUEST, variable_values={"input": asked()}, context_value=graph.context(OFFICER)
        )
        return (result.errors[0].extensions or {})["code"] if result.errors else "made"

    answers = await asyncio.gather(*(ask(graph) for graph in (one, two) * 4))
    assert sorted(answers) == ["PRECONDITION_FAILED"] * 7 + ["made"]
    assert await head(one) == 2
    assert len(keys(one)) == 1, "those who lost left no key behind"


async def test_twins_of_one_request_at_once_are_one(opened: Opened) -> None:
    one, two = await opened(), await opened()
    await lake(one)
    answers = await asyncio.gather(*(requested(graph, idempotencyKey="k1") for graph in (one, two) * 3))
    assert len({answer["deletion"]["id"] for answer in answers}) == 1
    assert all(answer["deletion"]["subjectId"] == SUBJECT for answer in answers)
    assert await head(one) == 2
    assert len(keys(one)) == 1


async def test_a_rebuild_makes_the_same_rows(graph: Graph) -> None:
    await lake(graph)
    ids = [await deletion(graph, subjectId=f"person-{number}") for number in range(4)]
    await graph.parts.deadlines.look(datetime.now(UTC) + timedelta(days=25))
    await decided(graph, "holdGdprDeletion", ids[0])
    await decided(graph, "rejectGdprDeletion", ids[1])
    await completed(graph, ids[2], ErasedRows(batch=Urn("batch:b"), layer=Layer.GOLD, rows=2))
    await graph.parts.deadlines.look(datetime.now(UTC) + timedelta(days=31))
    await decided(graph, "releaseGdprDeletion", ids[0])
    pool = graph.parts.mesh.deletion_service._pool
    everything = "select t::text from gdpr_deletion t order by id, valid_from"
    before = await pool.fetch(everything)
    assert len(before) == 4 + 4 + 3 + 1 + 1  # requested, warned, decided, overdue, released
    async with pool.acquire() as connection:
        await rebuild(connection, CODEC, PROJECTIONS, TABLES)
    assert await pool.fetch(everything) == before


async def test_requests_of_many_persons_at_once_are_all_recorded(graph: Graph) -> None:
    await lake(graph)
    persons = [f"person-{number:03}" for number in range(24)]
    answered = await asyncio.gather(*(requested(graph, subjectId=person) for person in persons))
    assert sorted(one["deletion"]["subjectId"] for one in answered) == persons
    assert (await listed(graph))["totalCount"] == len(persons)

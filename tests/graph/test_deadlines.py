"""The deadline monitor on a real log: what it tells, once, as of any instant, whoever else looks."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server.adapters.runs import ProcessKind, RunFilter
from server.jobs import NAMES, Jobs
from server.kernel.ids import Urn
from server.kernel.intent import Intent
from server.kernel.recorded import FOREVER
from server.mesh.deletion.monitor import TOGETHER, Looked
from server.mesh.lake.commands import RequestDeletion
from server.mesh.lake.stream import LAKES
from tests.graph.conftest import Graph, Opened
from tests.graph.deletions import OFFICER, completed, decided, deletion, lake, requested

DAY = timedelta(days=1)
QUIET = Looked(told=0, keys=0, runs=())


async def asked(graph: Graph, **other: Any) -> tuple[str, datetime]:
    """A new request and its deadline."""
    made = (await requested(graph, **other))["deletion"]
    return made["id"], datetime.fromisoformat(made["deadline"])


async def told(graph: Graph) -> list[tuple[str, str, int | None]]:
    """What was told of deadlines: type, request, days left."""
    query = """{ events(filter: {types: ["DeletionDeadlineNear", "DeletionOverdue"]}, first: 500) {
      nodes { type actor data } } }"""
    nodes = (await graph.ask(query))["events"]["nodes"]
    assert {node["actor"] for node in nodes} <= {"lakemesh"}
    return [(node["type"], node["data"]["deletion"], node["data"].get("days_left")) for node in nodes]


async def statuses(graph: Graph) -> list[str]:
    query = """{ dataLake(id: "eu") { deletions { nodes { status } } } }"""
    return [node["status"] for node in (await graph.ask(query, OFFICER))["dataLake"]["deletions"]["nodes"]]


async def test_warns_at_7_days_and_at_1_and_says_when_it_is_over(graph: Graph) -> None:
    await lake(graph)
    one, deadline = await asked(graph)
    look = graph.parts.deadlines.look
    history: list[tuple[str, str, int | None]] = []
    for at, event in (
        (deadline - 7 * DAY - timedelta(microseconds=1), None),
        (deadline - 7 * DAY, ("DeletionDeadlineNear", one, 7)),
        (deadline - 2 * DAY, None),
        (deadline - DAY, ("DeletionDeadlineNear", one, 1)),
        (deadline - timedelta(microseconds=1), None),
        (deadline, ("DeletionOverdue", one, None)),
        (deadline + 100 * DAY, None),
    ):
        assert await look(at) == Looked(told=0 if event is None else 1, keys=0, runs=())
        assert await look(at) == QUIET
        history += [] if event is None else [event]
        assert await told(graph) == history
    assert await statuses(graph) == ["OVERDUE"]


@pytest.mark.parametrize(
    ("before", "event", "days"),
    [(3 * DAY, "DeletionDeadlineNear", 7), (DAY / 2, "DeletionDeadlineNear", 1), (-DAY, "DeletionOverdue", None)],
)
async def test_a_server_that_was_down_tells_only_the_nearest(
    graph: Graph, before: timedelta, event: str, days: int | None
) -> None:
    await lake(graph)
    one, deadline = await asked(graph)
    await graph.parts.deadlines.look(deadline - before)
    assert await told(graph) == [(event, one, days)]


async def test_what_is_held_rests_and_goes_on_when_it_is_released(graph: Graph) -> None:
    await lake(graph)
    one, deadline = await asked(graph)
    await decided(graph, "holdGdprDeletion", one)
    assert await graph.parts.deadlines.look(deadline + DAY) == QUIET
    await decided(graph, "releaseGdprDeletion", one)
    assert await graph.parts.deadlines.look(deadline + DAY) == Looked(told=1, keys=0, runs=())
    await decided(graph, "holdGdprDeletion", one)
    assert await statuses(graph) == ["HELD"]
    await decided(graph, "releaseGdprDeletion", one)
    assert await statuses(graph) == ["OVERDUE"]
    assert await told(graph) == [("DeletionOverdue", one, None)]


async def test_says_nothing_of_requests_that_have_ended(graph: Graph) -> None:
    await lake(graph)
    one, deadline = await asked(graph)
    two, _ = await asked(graph, subjectId="person-2")
    await decided(graph, "rejectGdprDeletion", one)
    await completed(graph, two)
    assert await graph.parts.deadlines.look(deadline + DAY) == Looked(told=0, keys=1, runs=())
    assert await told(graph) == []


async def test_tells_of_many_requests_in_many_lakes_each_once_though_all_look_at_once(opened: Opened) -> None:
    one, two = await opened(), await opened()
    many = 2 * TOGETHER + 7
    ids = set()
    for name, count in (("eu", many), ("us", 3)):
        await lake(one, name)
        ids |= {await direct(one, name, number) for number in range(count)}
    deadline = START + 30 * DAY
    looked = await asyncio.gather(*(graph.parts.deadlines.look(deadline) for graph in (one, two, one, two)))
    assert sum(look.told for look in looked) == many + 3
    events = await one.parts.mesh.verify(0)
    assert events.intact
    pool = one.parts.mesh.deletion_service._pool
    rows = await pool.fetch("select data ->> 'deletion' as id from events where type = 'DeletionOverdue'")
    assert sorted(row["id"] for row in rows) == sorted(ids)


START = datetime(2026, 1, 1, tzinfo=UTC)


async def direct(graph: Graph, lake: str, number: int) -> str:
    """A request that is recorded without its key."""
    command = RequestDeletion(
        deletion=Urn(f"deletion:{lake}-{number}"),
        lake=Urn(f"lake:{lake}"),
        subject_digest=f"{lake}-{number}",
        subject_encrypted="",
        reason="r",
        requested_by="b",
        deadline=START + 30 * DAY,
    )
    intent = Intent(actor="a", correlation_id="c", key=f"{lake}-{number}", digest=b"", keyed=True)
    await graph.parts.commands.execute(LAKES, command.lake, command, intent)
    return command.deletion


async def test_finds_what_is_due_by_one_index(graph: Graph) -> None:
    await lake(graph)
    pool = graph.parts.mesh.deletion_service._pool
    await pool.execute(f"""
        insert into gdpr_deletion (id, valid_from, valid_to, lake, subject_digest, subject_encrypted, reason,
          requested_by, requested_at, deadline, position, held, overdue, ended)
        select 'deletion:' || n, n + 10, {FOREVER}, 'lake:' || n % 500, n::text, '', '', '', now(),
          now() + make_interval(hours => n), n + 10, n % 50 = 0, false, case when n % 3 = 0 then 'COMPLETED' end
        from generate_series(1, 20000) n""")
    await pool.execute("analyze gdpr_deletion")
    graph.statements.clear()
    at = datetime.now(UTC) - 8 * DAY
    assert await graph.parts.deadlines.look(at) == QUIET
    (statement,) = [sql for sql in graph.statements if "gdpr_deletion" in sql]
    for instant in (at, at + 9 * DAY):
        times = [instant, instant + 7 * DAY, instant + DAY]
        plan = "\n".join(row[0] for row in await pool.fetch(f"explain {statement}", *times))
        assert "gdpr_deletion_due" in plan, plan


async def test_starts_one_run_for_each_overdue_request_where_the_settings_say_so(opened: Opened) -> None:
    patient, strict, other = await opened(), await opened(erase_at_deadline=True), await opened(erase_at_deadline=True)
    await lake(patient)
    one, deadline = await asked(patient)
    two, _ = await asked(patient, subjectId="person-2")
    held, _ = await asked(patient, subjectId="person-3")
    await decided(patient, "holdGdprDeletion", held)
    assert await patient.parts.deadlines.look(deadline + DAY) == Looked(told=2, keys=0, runs=())
    looks = await asyncio.gather(*(graph.parts.deadlines.look(deadline + DAY) for graph in (strict, other, strict)))
    runs = {look.runs for look in looks}
    assert len(runs) == 1, "whoever looks again gets the runs that are under way"
    assert [len(of) for of in runs] == [2]
    page = await strict.parts.board.list(RunFilter(kind=ProcessKind.ERASE), first=10)
    assert sorted(str(run.payload["deletion"]) for run in page.runs) == sorted([one, two])
    assert {run.actor for run in page.runs} == {"lakemesh"}


async def test_an_overdue_request_is_told_and_started_at_one_look(opened: Opened) -> None:
    strict = await opened(erase_at_deadline=True)
    await lake(strict)
    _, deadline = await asked(strict)
    assert (await strict.parts.deadlines.look(deadline - DAY)).runs == ()
    looked = await strict.parts.deadlines.look(deadline)
    assert (looked.told, len(looked.runs)) == (1, 1)


async def test_the_job_looks_as_of_an_instant(graph: Graph) -> None:
    assert "deadlines" in NAMES
    await lake(graph)
    one, deadline = await asked(graph)
    jobs = Jobs(graph.parts.mesh.deletion_service._pool, graph.parts)
    assert (await jobs.do("deadlines")).told == "deadlines told of: 0; keys destroyed: 0"
    done = await jobs.do("deadlines", deadline)
    assert (done.told, done.runs) == ("deadlines told of: 1; keys destroyed: 0", ())
    assert await told(graph) == [("DeletionOverdue", one, None)]


async def test_destroys_keys_that_a_crash_left_behind(graph: Graph) -> None:
    await lake(graph)
    standing = await deletion(graph)
    ended = await deletion(graph, subjectId="person-2")
    await completed(graph, ended)  # the process died before it destroyed the key
    subjects = graph.parts.mesh.deletion_service._subjects
    fresh, old = (subjects.seal(Urn("lake:eu"), f"person-{number}").deletion for number in (3, 4))  # never recorded
    folder = subjects._keys._folder
    day_before = (datetime.now(UTC) - 1.1 * DAY).timestamp()
    os.utime(folder / old.removeprefix("deletion:"), (day_before, day_before))
    os.utime(folder / standing.removeprefix("deletion:"), (day_before, day_before))
    assert (await graph.parts.deadlines.look(datetime.now(UTC))).keys == 2
    left = {f"deletion:{made}" for made, _ in subjects._keys.made()}
    assert left == {standing, fresh}

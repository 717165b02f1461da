"""What an erasure tells of places that it does not reach, and what it mends in texts."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.adapters.storage import layout
from server.mesh.erasure.outcome import BEYOND
from tests.mesh.at_work import AtWork, at_work
from tests.mesh.erasure.subject_world import CLEAN, CSV, SUBJECT, holding, lake_with, processed, requested


@pytest.fixture
async def mesh(database_url: str, tmp_path: Path) -> AsyncIterator[AtWork]:
    async with at_work(database_url, tmp_path) as mesh:
        mesh.purpose = "test"
        yield mesh


def landed(mesh: AtWork, filename: str, text: str) -> str:
    storage, key = mesh.parts.storage, layout.landing(uuid.uuid4(), filename)
    staged = storage.staging()
    staged.write_text(text)
    storage.commit(staged, key)
    return key


async def test_tells_of_downloads_and_of_events_and_names_nobody(mesh: AtWork) -> None:
    await lake_with(mesh)
    key = landed(mesh, f"{SUBJECT}.csv", CSV)
    await mesh.do("appendData", dataset="people", contractId="people-c", batchId="b1", fileUrl=key)
    await mesh.do("anonymizeData", batchId="b1")
    await mesh.do("publishData", batchId="b1")
    given = {"batchId": "b1", "consumer": SUBJECT, "purpose": "report", "format": "PARQUET"}
    grant = (await mesh.do("grantConsumption", "grant { id }", **given))["grant"]["id"]
    deletion = await requested(mesh)
    done = await processed(mesh, deletion)
    events = (await mesh.ask("{ events(first: 100) { nodes { type position } } }"))["events"]["nodes"]
    at = {event["type"]: event["position"] for event in events}
    assert done["deletion"]["unreached"] == [
        f"what was fetched of batch b1 by {grant}",
        f"event {at['DataAppended']} (DataAppended): a text in it, which the log keeps for ever",
        f"event {at['ConsumptionGranted']} (ConsumptionGranted): a text in it, which the log keeps for ever",
        *BEYOND,
    ]
    assert holding(mesh.parts.storage.root) == []


async def test_mends_the_texts_of_runs_and_forgets_keys(mesh: AtWork) -> None:
    await lake_with(mesh, ("b1", CLEAN))
    key = landed(mesh, f"{SUBJECT}.csv", CLEAN)
    given = {"dataset": "people", "contractId": "people-c", "batchId": "b2", "fileUrl": key}
    await mesh.do("appendData", idempotencyKey=f"for {SUBJECT}", **given)
    await mesh.do("createDomain", idempotencyKey=f"{SUBJECT}", name="d", owner="ann", description="x")
    query = "select t::text from process_run t union all select t::text from commands t"
    assert [row[0] for row in await mesh.pool.fetch(query) if SUBJECT in row[0]] != []
    await processed(mesh, await requested(mesh))
    assert [row[0] for row in await mesh.pool.fetch(query) if SUBJECT in row[0]] == []
    payload = await mesh.pool.fetchval("select payload->>'file_url' from process_run where batch_id = 'b2'")
    assert payload == key.replace(f"{SUBJECT}.csv", "upload")


async def test_ids_that_hold_the_subject_by_chance_are_left(mesh: AtWork) -> None:
    await lake_with(mesh, ("b1", CLEAN))
    before = await mesh.pool.fetch("select * from process_run order by id")
    chance = str(before[0]["id"]).split("-")[1]
    done = await processed(mesh, await requested(mesh, chance))
    assert done["deletion"]["unreached"] == list(BEYOND)
    ids = [row["id"] for row in before]
    assert await mesh.pool.fetch("select * from process_run where id = any($1) order by id", ids) == before


async def test_uploads_of_others_stay(mesh: AtWork) -> None:
    await lake_with(mesh, ("b1", CLEAN))
    of_nobody, of_subject = landed(mesh, "clean.csv", CLEAN), landed(mesh, "rows.csv", CSV)
    done = await processed(mesh, await requested(mesh))
    assert done["deletion"]["objectsDeleted"] == 1
    assert (mesh.parts.storage.exists(of_nobody), mesh.parts.storage.exists(of_subject)) == (True, False)


async def test_a_hold_stops_the_run_before_its_next_batch(mesh: AtWork, monkeypatch: pytest.MonkeyPatch) -> None:
    await lake_with(mesh, ("b1", CSV), ("b2", CSV))
    deletion = await requested(mesh)
    perform = mesh.parts.commands.perform
    document = 'mutation($d: ID!) { %s(input: {deletion: $d, reason: "court"}) { deletion { status } } }'

    async def held_after(*given: object, **named: object) -> object:
        answer = await perform(*given, **named)  # type: ignore[arg-type]
        with monkeypatch.context() as patched:
            patched.setattr(mesh.parts.commands, "perform", perform)
            await mesh.ask(document % "holdGdprDeletion", d=deletion)
        monkeypatch.setattr(mesh.parts.commands, "perform", perform)
        return answer

    monkeypatch.setattr(mesh.parts.commands, "perform", held_after)
    process = "mutation($d: ID!) { processGdprDeletion(input: {deletion: $d, waitSeconds: 60}) { run { id } } }"
    code, message = await mesh.refused(process, d=deletion)
    assert code == "PRECONDITION_FAILED"
    assert "HELD" in message
    left = {key.split("/")[2] for key in holding(mesh.parts.storage.root) if key.startswith("people/")}
    assert left == {"b2"}
    await mesh.ask(document % "releaseGdprDeletion", d=deletion)
    done = await processed(mesh, deletion)
    assert [(one["batch"]["batchId"], one["rows"]) for one in done["deletion"]["erased"]] == [("b1", 2), ("b2", 2)]
    assert holding(mesh.parts.storage.root) == []


async def test_without_the_key_of_the_request_nothing_is_touched(mesh: AtWork) -> None:
    await lake_with(mesh, ("b1", CSV))
    deletion = await requested(mesh)
    keys = mesh.parts.storage.root.parent / "keys" / "subjects"
    (keys / deletion.removeprefix("deletion:")).unlink()
    before = holding(mesh.parts.storage.root)
    process = "mutation($d: ID!) { processGdprDeletion(input: {deletion: $d, waitSeconds: 60}) { run { id } } }"
    code, message = await mesh.refused(process, d=deletion)
    assert (code, SUBJECT in message) == ("PRECONDITION_FAILED", False)
    assert holding(mesh.parts.storage.root) == before

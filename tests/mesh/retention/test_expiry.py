"""Retention: when a batch is over, what is left of it, and what nobody else loses."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from server.adapters.runs import ProcessKind, Run, RunContext, RunFilter, RunOutcome, RunStatus
from server.kernel.errors import PreconditionFailed
from server.kernel.ids import Kind, Urn, urn
from server.mesh.batch.commands import (
    Command,
    PublishData,
    QuarantineBatch,
    RecordAnonymization,
    RecordQuality,
    ReleaseBatch,
    ReplayBatch,
    RevokeConsumption,
)
from server.mesh.batch.domain import BATCH
from server.mesh.batch.facts import Event
from server.mesh.batch.payloads import ExpirePayload, dump
from server.mesh.batch.state import BatchStatus
from server.mesh.retention.expiry import expires_at
from tests.given import given
from tests.mesh.at_work import AtWork, at_work
from tests.mesh.batch.examples import (
    APPENDED,
    B1,
    EXPIRE,
    EXPIRED,
    FAILED,
    G1,
    OPEN,
    PUBLISHED,
    QUARANTINED,
    REVOKED,
    anonymized,
    checked,
    grant,
    granted,
    hidden,
    replayed,
    result,
)

CSV = "n,word,price\n1,one,1.50\n2,two,2.50\nx,bad,0\n"


@pytest.mark.parametrize(
    "history", [[], [FAILED], [anonymized("email")], [PUBLISHED, granted()], [QUARANTINED], [PUBLISHED, QUARANTINED]]
)
def test_a_batch_is_let_go_however_far_it_has_come(history: list[Event]) -> None:
    before = given(BATCH, APPENDED, *history).state
    state = given(BATCH, APPENDED, *history).when(EXPIRE).then(EXPIRED)
    assert before is not None
    assert state is not None
    assert state.status is BatchStatus.EXPIRED
    assert (state.size_bytes, state.row_count, state.rejected_row_count, state.silver, state.gold) == (
        0,
        0,
        0,
        None,
        None,
    )
    assert (state.checksum, state.grants) == (before.checksum, before.grants)


@pytest.mark.parametrize(
    "command",
    [
        RecordQuality(batch=B1, checked=checked(result(True)), bronze=1),
        RecordAnonymization(batch=B1, anonymized=hidden("email"), attempt=2, bronze=1),
        PublishData(batch=B1, gate=OPEN, attempt=3, bronze=1, silver=None),
        ReplayBatch(replayed=replayed(), gate=OPEN, bronze=1, silver=None),
        QuarantineBatch(batch=B1, reason="smells"),
        ReleaseBatch(batch=B1, reason="fine"),
        grant(),
        EXPIRE,
    ],
    ids=lambda command: type(command).__name__,
)
@pytest.mark.parametrize("history", [[], [QUARANTINED], [PUBLISHED]], ids=["appended", "quarantined", "published"])
def test_refuses_to_do_anything_with_rows_that_are_gone(command: Command, history: list[Event]) -> None:
    given(BATCH, APPENDED, *history, EXPIRED).when(command).refuses(
        PreconditionFailed, saying="batch 'b1' has expired and its rows are gone; append a new one"
    )


def test_a_grant_on_a_batch_that_is_gone_can_still_be_revoked() -> None:
    revoke = RevokeConsumption(batch=B1, grant=G1, reason="done")
    given(BATCH, APPENDED, PUBLISHED, granted(), EXPIRED).when(revoke).then(REVOKED)


def test_days_have_24_hours_and_no_days_are_for_ever() -> None:
    spring = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert expires_at(spring, 2) == datetime(2026, 3, 30, 12, tzinfo=UTC)
    assert expires_at(spring, None) is None


@pytest.fixture
async def mesh(database_url: str, tmp_path: Path) -> AsyncIterator[AtWork]:
    async with at_work(database_url, tmp_path) as mesh:
        yield mesh


BATCH_FIELDS = (
    "batchId status layers rowCount rejectedRowCount sizeBytes checksum appendedAt expiresAt"
    " grants { url { url } revokedAt }"
)


async def batch(mesh: AtWork, name: str, as_of: int | None = None) -> dict[str, Any]:
    if as_of is None:
        data = await mesh.ask(f'{{ batch(id: "{name}") {{ {BATCH_FIELDS} }} }}')
    else:
        data = (await mesh.ask(f'{{ catalog(atPosition: {as_of}) {{ batch(id: "{name}") {{ {BATCH_FIELDS} }} }} }}'))[
            "catalog"
        ]
    found: dict[str, Any] = data["batch"]
    return found


async def over(mesh: AtWork, name: str) -> datetime:
    """When a batch is over by its contract."""
    return datetime.fromisoformat((await batch(mesh, name))["expiresAt"])


async def events(mesh: AtWork) -> list[tuple[str, str]]:
    listed = await mesh.ask('{ events(filter: {types: ["BatchExpired"]}) { nodes { type stream } } }')
    return [(event["type"], event["stream"]) for event in listed["events"]["nodes"]]


async def ended(mesh: AtWork, runs: tuple[Urn, ...]) -> list[Run]:
    return [await mesh.parts.board.wait(run, 60) for run in runs]


def stored(mesh: AtWork) -> dict[str, bytes]:
    """Every object but uploads."""
    storage = mesh.parts.storage
    return {
        one.key: storage.read_path(one.key).read_bytes() for one in storage.list() if not one.key.startswith("landing/")
    }


async def test_lets_a_batch_go_in_all_layers_and_leaves_the_others_as_they_are(mesh: AtWork) -> None:
    await mesh.dataset("kept")
    await mesh.dataset("short", retentionDays=30, onBadRows="SET_ASIDE")
    await mesh.append("kept", "k1", "n,word,price\n1,one,1\n")
    await mesh.append("short", "s1", CSV)
    await mesh.append("short", "s2", CSV)
    await mesh.append("short", "s3", CSV)
    for name in ("s1", "s3"):
        await mesh.do("publishData", batchId=name)
        await mesh.do("grantConsumption", batchId=name, consumer="bi")
    await mesh.do("quarantineBatch", batchId="s2", reason="smells")
    before, whole = stored(mesh), await batch(mesh, "s1")
    head = await mesh.parts.mesh.events.head()
    appended = datetime.fromisoformat(whole["appendedAt"])
    assert whole["expiresAt"] == (appended + timedelta(days=30)).isoformat()
    assert (await batch(mesh, "k1"))["expiresAt"] is None

    assert await mesh.parts.expiry.start(await over(mesh, "s1") - timedelta(microseconds=1)) == ()
    runs = await mesh.parts.expiry.start(await over(mesh, "s2"))
    done = await ended(mesh, runs)
    assert [(run.kind, run.status, run.batch_id) for run in done] == [
        (ProcessKind.EXPIRE, RunStatus.SUCCEEDED, "s1"),
        (ProcessKind.EXPIRE, RunStatus.SUCCEEDED, "s2"),
    ]
    assert await events(mesh) == [("BatchExpired", "batch:s1"), ("BatchExpired", "batch:s2")]
    assert await batch(mesh, "s1") == {
        **whole,
        "status": "EXPIRED",
        "layers": [],
        "rowCount": 0,
        "rejectedRowCount": 0,
        "sizeBytes": 0,
        "grants": [{"url": None, "revokedAt": None}],
    }
    assert stored(mesh) == {key: content for key, content in before.items() if "/s1/" not in key and "/s2/" not in key}
    assert len([key for key in before if "/s1/" in key]) == 4  # raw, bronze, rejects, gold
    assert (await batch(mesh, "s3"))["grants"][0]["url"] is not None
    assert (await batch(mesh, "s1", head))["rowCount"] == 2
    assert await mesh.parts.expiry.start(await over(mesh, "s2")) == ()


async def test_a_contract_that_changes_moves_the_batches_that_are_still_there(mesh: AtWork) -> None:
    await mesh.dataset("d", retentionDays=1)
    await mesh.append("d", "b1", "n,word,price\n1,one,1\n")
    day = await over(mesh, "b1")
    await ended(mesh, await mesh.parts.expiry.start(day))
    await mesh.append("d", "b2", "n,word,price\n1,one,1\n")
    await mesh.do("updateContract", contract="d-c", retentionDays=10)
    assert await over(mesh, "b1") == day
    assert await over(mesh, "b2") - datetime.fromisoformat((await batch(mesh, "b2"))["appendedAt"]) == timedelta(10)
    assert await mesh.parts.expiry.start(day + timedelta(days=8)) == ()
    await mesh.do("updateContract", contract="d-c", retentionDays=None)
    assert (await batch(mesh, "b2"))["expiresAt"] is None
    assert await mesh.parts.expiry.start(day + timedelta(days=36_600)) == ()


async def test_a_run_keeps_what_the_contract_keeps_longer_by_then(mesh: AtWork) -> None:
    await mesh.dataset("d", retentionDays=1)
    await mesh.append("d", "b1", "n,word,price\n1,one,1\n")
    before = stored(mesh)
    payload = dump(ExpirePayload(batch=B1, at=await over(mesh, "b1")))
    (appending,) = (await mesh.parts.board.list(RunFilter(), first=1)).runs
    run = replace(appending, id=urn(Kind.RUN, str(uuid.uuid4())), kind=ProcessKind.EXPIRE, payload=payload)
    await mesh.do("updateContract", contract="d-c", retentionDays=2)
    assert await mesh.parts.expiry.handle(RunContext(run)) == RunOutcome()
    assert (await batch(mesh, "b1"))["status"] == "APPENDED"
    assert stored(mesh) == before


async def test_many_schedulers_at_once_start_one_run_and_record_one_event(mesh: AtWork) -> None:
    await mesh.dataset("d", retentionDays=1)
    await mesh.append("d", "b1", "n,word,price\n1,one,1\n")
    at = await over(mesh, "b1")
    started = await asyncio.gather(*(mesh.parts.expiry.start(at) for _ in range(6)))
    runs = {run for each in started for run in each}
    assert {run.status for run in await ended(mesh, tuple(runs))} == {RunStatus.SUCCEEDED}
    assert await events(mesh) == [("BatchExpired", "batch:b1")]


async def test_what_was_cut_between_event_and_files_is_done_again(
    mesh: AtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    await mesh.dataset("d", retentionDays=1)
    await mesh.append("d", "b1", "n,word,price\n1,one,1\n")
    expiry, at = mesh.parts.expiry, await over(mesh, "b1")
    with monkeypatch.context() as broken:
        broken.setattr(mesh.parts.storage, "delete", refusing)
        (failed,) = await ended(mesh, await expiry.start(at))
    assert (failed.status, failed.error_code) == (RunStatus.FAILED, "INTERNAL")
    assert (await batch(mesh, "b1"))["status"] == "EXPIRED"
    assert len(stored(mesh)) == 2
    assert (await expiry.handle(RunContext(failed))).first_position is not None
    assert stored(mesh) == {}
    assert await events(mesh) == [("BatchExpired", "batch:b1")]
    assert await mesh.parts.board.count(RunFilter(kind=ProcessKind.EXPIRE)) == 1


def refusing(key: str) -> None:
    raise PermissionError(1, "no")


async def test_refuses_in_the_graph_what_needs_rows_that_are_gone(mesh: AtWork) -> None:
    await mesh.dataset("d", retentionDays=1, qualityRules=[{"column": "n", "check": "> 0"}])
    await mesh.append("d", "b1", "n,word,price\n1,one,1\n")
    await ended(mesh, await mesh.parts.expiry.start(await over(mesh, "b1")))
    head = await mesh.parts.mesh.events.head()
    gone = ("PRECONDITION_FAILED", "batch 'b1' has expired and its rows are gone; append a new one")
    for name, rest in {
        "runQualityCheck": "",
        "anonymizeData": "",
        "publishData": "",
        "quarantineBatch": ', reason: "r"',
        "releaseBatch": ', reason: "r"',
        "grantConsumption": ', consumer: "bi"',
    }.items():
        assert await mesh.refused(f'mutation {{ {name}(input: {{batchId: "b1"{rest}}}) {{ __typename }} }}') == gone
    code, said = await mesh.refused('mutation { requestReplay(input: {dataset: "d", reason: "r"}) { __typename } }')
    assert (code, "has no batch to replay" in said) == ("PRECONDITION_FAILED", True)
    assert await mesh.parts.mesh.events.head() == head
    again = (
        'mutation { appendData(input: {dataset: "d", contractId: "d-c", batchId: "b1", fileUrl: "%s"}) { run { id } } }'
    )
    file = "landing/00000000-0000-4000-8000-000000000000/x.csv"
    assert (await mesh.refused(again % file))[0] == "ALREADY_EXISTS"

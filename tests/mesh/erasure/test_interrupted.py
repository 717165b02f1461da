"""An erasure that is cut off before each of its steps, and done again: it ends as if nothing had been."""

import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

from server.adapters.delta.log import DeltaLog
from server.adapters.runs import ProcessKind, Run, RunContext, RunStatus
from server.adapters.storage.local import LocalStorage
from server.adapters.store.commands import Commands
from server.adapters.subject_keys import SubjectKeys
from server.kernel.ids import Urn, name_of
from server.kernel.layer import Layer
from server.mesh.batch.payloads import ErasePayload, dump
from server.mesh.erasure.objects import ErasedObjects
from server.mesh.rows.compact_files import CompactFiles, Thresholds
from tests.mesh.at_work import AtWork, at_work
from tests.mesh.erasure.subject_world import CSV, FIELDS, PRIVACY, SUBJECT, holding

SMALL = Thresholds(enough=2, rows=1000, size_bytes=1 << 20, generation_files=8)
STEPS: tuple[tuple[type, str], ...] = (
    (LocalStorage, "commit"),
    (LocalStorage, "delete"),
    (LocalStorage, "sweep_dead"),
    (Commands, "perform"),
    (CompactFiles, "retire_with"),
    (CompactFiles, "remove"),
    (DeltaLog, "drop"),
    (SubjectKeys, "destroy"),
    (ErasedObjects, "forget"),
)


class Killed(BaseException):
    """The process has ended here."""


class Steps:
    """Counts the steps and ends at one of them."""

    def __init__(self, last: int = 0) -> None:
        self.done = 0
        self._last = last

    def before(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def call(*given: Any, **named: Any) -> Any:
            self.done += 1
            if self.done == self._last:
                raise Killed
            return original(*given, **named)

        return call


@pytest.fixture
async def mesh(database_url: str, tmp_path: Path) -> AsyncIterator[AtWork]:
    async with at_work(database_url, tmp_path) as mesh:
        mesh.purpose = "test"
        yield mesh


async def prepared(mesh: AtWork, name: str) -> tuple[str, Run]:
    """A lake of its own with two batches in every layer, copies and a Delta log; the request and a run for it."""
    await mesh.dataset(name, FIELDS, privacyRules=PRIVACY, onBadRows="SET_ASIDE")
    for batch in (f"{name}-1", f"{name}-2"):
        await mesh.append(name, batch, CSV)
        await mesh.do("anonymizeData", batchId=batch)
        await mesh.do("publishData", batchId=batch)
    await mesh.compaction(SMALL).compact(Urn(f"dataset:{name}"), Layer.BRONZE)
    await mesh.parts.delta.bring(Urn(f"dataset:{name}"))
    await mesh.do("createDataLake", lakeId=name, name=name, owner="ann", region="eu", complianceLevel="GDPR")
    await mesh.do("ingestDataset", lake=name, dataset=name, dataSource="files", recordCount=3, containsPii=True)
    given = {"lake": name, "subjectId": SUBJECT, "reason": "a letter", "requestedBy": "desk 4"}
    deletion = (await mesh.do("requestGdprDeletion", "deletion { id }", **given))["deletion"]["id"]
    return deletion, run_of(Urn(f"lake:{name}"), Urn(deletion))


def run_of(lake: Urn, deletion: Urn) -> Run:
    return Run(
        id=Urn(f"run:{uuid.uuid4()}"),
        kind=ProcessKind.ERASE,
        status=RunStatus.RUNNING,
        dataset=None,
        batch_id=None,
        actor="officer",
        correlation_id="test",
        payload=dump(ErasePayload(lake=lake, deletion=deletion)),
        progress=0,
        rows_done=0,
        error=None,
        error_code=None,
        error_field=None,
        error_details=None,
        first_position=None,
        last_position=None,
        created_at=datetime.now(UTC),
        started_at=None,
        finished_at=None,
        attempt=1,
    )


async def erased(mesh: AtWork, run: Run, steps: Steps) -> None:
    """One attempt at the run."""
    with pytest.MonkeyPatch.context() as patched:
        for owner, name in STEPS:
            patched.setattr(owner, name, steps.before(getattr(owner, name)))
        await mesh.parts.handlers[ProcessKind.ERASE](RunContext(run))


async def told(mesh: AtWork, deletion: str, name: str) -> Any:
    """What the graph says in the end, names aside."""
    query = "query($d: ID!) { node(id: $d) { ... on GdprDeletion { status subjectId unreached erased"
    found = await mesh.ask(query + " { batch { batchId rowCount rejectedRowCount } layer rows } } } }", d=deletion)
    return repr(found).replace(name, "@")


async def test_ends_alike_whatever_step_it_is_cut_off_at(mesh: AtWork) -> None:
    deletion, run = await prepared(mesh, "whole")
    counted = Steps()
    await erased(mesh, run, counted)
    expected = await told(mesh, deletion, "whole")
    assert counted.done > 10
    root = mesh.parts.storage.root
    assert holding(root) == []
    for step in range(1, counted.done + 1):
        name = f"cut{step}"
        deletion, run = await prepared(mesh, name)
        with pytest.raises(Killed):
            await erased(mesh, run, Steps(step))
        await erased(mesh, run, Steps())
        assert holding(root) == [], step
        assert await told(mesh, deletion, name) == expected, step
        assert not (root.parent / "keys" / "subjects" / name_of(Urn(deletion))).exists(), step
    assert (await mesh.parts.mesh.verify(1)).intact

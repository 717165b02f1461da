"""Subjects that come back: each batch that holds one is told of once, whichever way it came."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.mesh.at_work import AtWork, at_work
from tests.mesh.erasure.subject_world import CLEAN, CSV, FIELDS, SUBJECT, lake_with, processed, requested

TWICE = f"person,note,amount\n{SUBJECT},a,1.00\n  {SUBJECT} ,b,2.00\ndan,c,3.00\n"


@pytest.fixture
async def mesh(database_url: str, tmp_path: Path) -> AsyncIterator[AtWork]:
    async with at_work(database_url, tmp_path) as mesh:
        mesh.purpose = "test"
        yield mesh


async def told(mesh: AtWork) -> list[dict[str, Any]]:
    """What the events say, oldest first."""
    await mesh.parts.reappearances.look()
    query = '{ events(filter: {types: ["SubjectReappeared"]}, first: 100) { nodes { stream data } } }'
    nodes = (await mesh.ask(query))["events"]["nodes"]
    return [{"stream": node["stream"], **node["data"]} for node in nodes]


def seen(deletion: str, batch: str, rows: int, dataset: str = "people") -> dict[str, Any]:
    return {
        "stream": "lake:eu",
        "deletion": deletion,
        "dataset": f"dataset:{dataset}",
        "batch": f"batch:{batch}",
        "rows": rows,
    }


async def test_a_batch_that_comes_after_the_erasure_is_told_of_once(mesh: AtWork) -> None:
    await lake_with(mesh, ("b1", CSV))
    deletion = await requested(mesh)
    await processed(mesh, deletion)
    assert await told(mesh) == []
    await mesh.append("people", "b2", TWICE)
    await mesh.append("people", "b3", CLEAN)
    record = {"person": SUBJECT, "note": "x", "amount": 1}
    await mesh.do("createRecords", dataset="people", contractId="people-c", batchId="b4", records=[record])
    expected = [seen(deletion, "b2", 2), seen(deletion, "b4", 1)]
    assert await told(mesh) == expected
    await mesh.do("requestReplay", dataset="people", reason="anew")
    assert await told(mesh) == expected


async def test_what_was_there_when_it_was_asked_for_does_not_reappear(mesh: AtWork) -> None:
    await lake_with(mesh, ("b1", CSV))
    deletion = await requested(mesh)
    await mesh.do("requestReplay", dataset="people", reason="anew")
    await mesh.do("ingestDataset", lake="eu", dataset="people", dataSource="x", recordCount=9, containsPii=True)
    assert await told(mesh) == []
    await mesh.append("people", "b2", TWICE)
    assert await told(mesh) == [seen(deletion, "b2", 2)]


async def test_a_dataset_that_comes_into_the_lake_is_looked_through(mesh: AtWork) -> None:
    await lake_with(mesh, ("b1", CLEAN))
    deletion = await requested(mesh)
    await mesh.dataset("others", FIELDS)
    await mesh.append("others", "o1", TWICE)
    assert await told(mesh) == []
    await mesh.do("ingestDataset", lake="eu", dataset="others", dataSource="x", recordCount=3, containsPii=True)
    assert await told(mesh) == [seen(deletion, "o1", 2, "others")]


async def test_nobody_is_told_of_whose_request_was_rejected(mesh: AtWork) -> None:
    await lake_with(mesh, ("b1", CLEAN))
    await mesh.ask(
        'mutation($d: ID!) { rejectGdprDeletion(input: {deletion: $d, reason: "no"}) { deletion { status } } }',
        d=await requested(mesh),
    )
    await mesh.append("people", "b2", TWICE)
    assert await told(mesh) == []


async def test_two_that_look_at_once_tell_it_once(mesh: AtWork) -> None:
    await lake_with(mesh, ("b1", CLEAN))
    deletion = await requested(mesh)
    await mesh.append("people", "b2", TWICE)
    await asyncio.gather(*(mesh.parts.reappearances.look() for _ in range(3)))
    assert await told(mesh) == [seen(deletion, "b2", 2)]


async def test_a_look_that_was_cut_off_is_done_again(mesh: AtWork, monkeypatch: pytest.MonkeyPatch) -> None:
    await lake_with(mesh, ("b1", CLEAN))
    deletion = await requested(mesh)
    await mesh.append("people", "b2", TWICE)
    perform = mesh.parts.commands.perform
    calls = 0

    async def cut_off(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        await perform(*given, **named)
        raise ConnectionResetError

    with monkeypatch.context() as patched:
        patched.setattr(mesh.parts.commands, "perform", cut_off)
        with pytest.raises(ConnectionResetError):
            await mesh.parts.reappearances.look()
    assert calls == 1
    assert await told(mesh) == [seen(deletion, "b2", 2)]


async def test_a_file_that_cannot_be_read_holds_up_no_other_batch(mesh: AtWork) -> None:
    await lake_with(mesh, ("b1", CSV))
    deletion = await requested(mesh)
    await processed(mesh, deletion)
    await mesh.append("people", "b2", TWICE)
    await mesh.append("people", "b3", TWICE)
    (file,) = (mesh.parts.storage.root / "people" / "bronze" / "b2").iterdir()
    content = file.read_bytes()
    file.chmod(0o600)
    file.write_bytes(content[:100])
    with pytest.raises(duckdb.Error):
        await mesh.parts.reappearances.look()
    with pytest.raises(duckdb.Error):
        await told(mesh)
    file.write_bytes(content)
    assert await told(mesh) == [seen(deletion, "b3", 2), seen(deletion, "b2", 2)]

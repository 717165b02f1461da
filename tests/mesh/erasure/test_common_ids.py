"""An id that many rows hold: refused before anything is erased, unless somebody insists."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from server.mesh.erasure.common_ids import FEW_ROWS
from tests.mesh.at_work import AtWork, at_work
from tests.mesh.erasure.subject_world import FIELDS, PRIVACY, lake_with, processed, requested

PROCESS = "mutation($d: ID!) { processGdprDeletion(input: {deletion: $d, waitSeconds: 60}) { run { id } } }"
INSIST = PROCESS.replace("waitSeconds", "evenIfCommon: true, waitSeconds").replace("id }", "status }")


@pytest.fixture
async def mesh(database_url: str, tmp_path: Path) -> AsyncIterator[AtWork]:
    async with at_work(database_url, tmp_path) as mesh:
        mesh.purpose = "test"
        yield mesh


def rows(person: str, count: int, *, others: int = 0, note: str = "x") -> str:
    of_others = [f"p{number},y,1.00" for number in range(others)]
    return "\n".join(["person,note,amount", *[f"{person},{note},2.00"] * count, *of_others]) + "\n"


async def counts(mesh: AtWork) -> Any:
    return await mesh.ask("{ batches(first: 10) { nodes { batchId rowCount revision } } }")


async def test_refuses_what_would_take_more_than_a_tenth_of_a_dataset(mesh: AtWork) -> None:
    await lake_with(mesh, ("b1", rows("ann", 15, others=50)), ("b2", rows("ann", FEW_ROWS - 14, others=50)))
    before = await counts(mesh)
    deletion = await requested(mesh, "ann")
    assert await mesh.refused(PROCESS, d=deletion) == (
        "PRECONDITION_FAILED",
        "at least 51 of the 151 rows of dataset 'people' hold this id, more than one in 10, so that it hardly means one"
        " person; reject the request, or process it with evenIfCommon",
    )
    assert await counts(mesh) == before
    assert (await mesh.ask(INSIST, d=deletion))["processGdprDeletion"]["run"]["status"] == "SUCCEEDED"
    assert [batch["rowCount"] for batch in (await counts(mesh))["batches"]["nodes"]] == [50, 50]


@pytest.mark.parametrize(("held", "others"), [(FEW_ROWS, 0), (60, 540)])
async def test_few_rows_go_at_once_and_so_does_a_tenth(mesh: AtWork, held: int, others: int) -> None:
    await lake_with(mesh, ("b1", rows("ann", held, others=others)))
    done = await processed(mesh, await requested(mesh, "ann"))
    assert done["deletion"]["erased"] == [{"batch": {"batchId": "b1"}, "layer": "BRONZE", "rows": held}]


@pytest.mark.parametrize("common", ["true", "2024", "the"])
async def test_words_and_values_of_everyday_are_no_ids(mesh: AtWork, common: str) -> None:
    fields = [*FIELDS, {"name": "year", "type": "int"}, {"name": "active", "type": "boolean"}]
    await mesh.dataset("members", fields, privacyRules=PRIVACY)
    text = "\n".join(["person,note,amount,year,active", *(f"p{n},on the list,1.00,2024,true" for n in range(60))])
    await mesh.append("members", "m1", f"{text}\n")
    await lake_with(mesh)
    await mesh.do("ingestDataset", lake="eu", dataset="members", dataSource="files", recordCount=60, containsPii=True)
    code, message = await mesh.refused(PROCESS, d=await requested(mesh, common))
    assert (code, message[:47]) == ("PRECONDITION_FAILED", "at least 60 of the 60 rows of dataset 'members'")


async def test_records_set_aside_count_too(mesh: AtWork) -> None:
    broken = rows("bob", 0) + 'x,"ann" loose,1.00\n' * (FEW_ROWS + 1)
    await lake_with(mesh, ("b1", broken))
    code, message = await mesh.refused(PROCESS, d=await requested(mesh, "ann"))
    assert (code, message[:44]) == ("PRECONDITION_FAILED", "at least 51 of the 51 rows of dataset 'peopl")


async def test_a_deadline_tries_what_was_refused_once_a_day(database_url: str, tmp_path: Path) -> None:
    async with at_work(database_url, tmp_path, erase_at_deadline=True) as mesh:
        await lake_with(mesh, ("b1", rows("ann", 60)))
        await requested(mesh, "ann")
        monitor = mesh.parts.deadlines
        at = await mesh.pool.fetchval("select now() + interval '31 days'")
        (run,) = (await monitor.look(at)).runs
        assert (await mesh.parts.board.wait(run, 60)).error_code == "PRECONDITION_FAILED"
        assert (await monitor.look(at)).runs == ()
        await mesh.pool.execute("update process_run set finished_at = finished_at - interval '25 hours'")
        assert len((await monitor.look(at)).runs) == 1

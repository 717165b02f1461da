"""The erasure run: every layer, every place, the counts and what is told."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.kernel.ids import Urn
from tests.mesh.at_work import AtWork, at_work
from tests.mesh.erasure.subject_world import CLEAN, CSV, holding, lake_with, processed, requested


@pytest.fixture
async def mesh(database_url: str, tmp_path: Path) -> AsyncIterator[AtWork]:
    async with at_work(database_url, tmp_path) as mesh:
        yield mesh


async def test_takes_a_subject_out_of_every_layer_and_tells_the_rows(mesh: AtWork) -> None:
    await lake_with(mesh, ("b1", CSV), ("b2", CLEAN))
    await mesh.do("runQualityCheck", batchId="b1", rules=[{"column": "amount", "check": "> 100"}])
    await mesh.do("anonymizeData", batchId="b1")
    await mesh.do("publishData", batchId="b1")
    await mesh.parts.delta.bring(Urn("dataset:people"))
    untouched = await mesh.ask('{ batch(id: "b2") { revision layers } }')
    root = mesh.parts.storage.root
    assert holding(root) != []
    done = await processed(mesh, await requested(mesh))
    assert done["run"] == {"status": "SUCCEEDED", "error": None, "errorCode": None}
    assert done["events"] == [{"type": "SubjectErased"}, {"type": "GDPRDeletionCompleted"}]
    assert done["deletion"]["status"] == "COMPLETED"
    assert done["deletion"]["erased"] == [
        {"batch": {"batchId": "b1"}, "layer": "BRONZE", "rows": 2},
        {"batch": {"batchId": "b1"}, "layer": "SILVER", "rows": 1},
        {"batch": {"batchId": "b1"}, "layer": "GOLD", "rows": 1},
    ]
    assert holding(root) == []
    batch = await mesh.ask('{ batch(id: "b1") { rowCount rejectedRowCount status checksum } }')
    assert batch["batch"]["rowCount"] == 2
    assert batch["batch"]["rejectedRowCount"] == 0
    assert await mesh.ask('{ batch(id: "b2") { revision layers } }') == untouched

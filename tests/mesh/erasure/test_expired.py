"""Batches that have expired are no part of an erasure, but files of theirs that a killed worker left are."""

import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from server.jobs import Jobs
from tests.mesh.at_work import AtWork, at_work
from tests.mesh.erasure.subject_world import CLEAN, CSV, FIELDS, PRIVACY, holding, processed, requested


@pytest.fixture
async def mesh(database_url: str, tmp_path: Path) -> AsyncIterator[AtWork]:
    async with at_work(database_url, tmp_path) as mesh:
        yield mesh


async def test_files_of_an_expired_batch_that_were_left_behind_go_too(mesh: AtWork, tmp_path: Path) -> None:
    await mesh.dataset("people", FIELDS, privacyRules=PRIVACY, onBadRows="SET_ASIDE", retentionDays=1)
    await mesh.append("people", "old", CSV)
    root, kept = mesh.parts.storage.root, tmp_path / "kept"
    shutil.copytree(root / "people", kept)
    jobs = Jobs(mesh.pool, mesh.parts)
    await jobs.ended(await mesh.parts.expiry.start(datetime.now(UTC) + timedelta(days=2)))
    assert not (root / "people").exists()
    shutil.copytree(kept, root / "people")  # as if the worker had died between the event and the files
    await mesh.append("people", "new", CLEAN)
    await mesh.do("createDataLake", lakeId="eu", name="eu", owner="ann", region="eu", complianceLevel="GDPR")
    await mesh.do("ingestDataset", lake="eu", dataset="people", dataSource="x", recordCount=3, containsPii=True)
    done = await processed(mesh, await requested(mesh))
    assert (done["deletion"]["status"], done["deletion"]["erased"]) == ("COMPLETED", [])
    assert holding(root) == []
    left = [path for path in kept.rglob("*") if path.is_file()]
    assert done["deletion"]["objectsDeleted"] == len(left) + 1, "the upload of the batch is the last"

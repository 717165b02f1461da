"""A subject in the name of an uploaded file: runs forget it, and what the log keeps of it is told."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.adapters.storage import layout
from tests.mesh.at_work import AtWork, at_work
from tests.mesh.erasure.subject_world import CLEAN, lake_with, processed, requested


@pytest.fixture
async def mesh(database_url: str, tmp_path: Path) -> AsyncIterator[AtWork]:
    async with at_work(database_url, tmp_path) as mesh:
        await lake_with(mesh)
        yield mesh


@pytest.mark.parametrize("subject", ["bert-7711", "anna@example.org"])
async def test_runs_forget_the_name_and_the_event_is_told(mesh: AtWork, subject: str) -> None:
    key = layout.landing(uuid.uuid4(), f"export of {subject}.csv")
    staged = mesh.parts.storage.staging()
    staged.write_text(CLEAN)
    mesh.parts.storage.commit(staged, key)
    await mesh.do("appendData", dataset="people", contractId="people-c", batchId="b1", fileUrl=key)
    position = await mesh.pool.fetchval("select max(position) from events where type = 'DataAppended'")
    done = await processed(mesh, await requested(mesh, subject))
    assert (
        done["deletion"]["unreached"][0]
        == f"event {position} (DataAppended): a text in it, which the log keeps for ever"
    )
    (payload,) = await mesh.pool.fetch("select payload ->> 'file_url' as file from process_run where kind = 'APPEND'")
    assert payload["file"] == f"{key.rpartition('/')[0]}/upload"

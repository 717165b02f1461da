"""An empty log of lineage."""

from collections.abc import AsyncIterator

import pytest

from tests.mesh.lineage.following.mesh_log import MeshLog, opened


@pytest.fixture
async def log(database_url: str) -> AsyncIterator[MeshLog]:
    async with opened(database_url) as log:
        yield log

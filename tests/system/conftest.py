"""Servers of the test's own, on an empty DATA_DIR."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.system.serving import ServerProcess, no_postgres_left, serving


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A DATA_DIR that does not exist yet."""
    return tmp_path / "data"


@pytest.fixture
async def server(data_dir: Path) -> AsyncIterator[ServerProcess]:
    """A running server."""
    async with serving(data_dir) as server:
        yield server


@pytest.fixture
async def servers(data_dir: Path) -> AsyncIterator[tuple[ServerProcess, ServerProcess]]:
    """Two servers that were started at once on an empty folder."""
    left, right = ServerProcess(data_dir, name="left"), ServerProcess(data_dir, name="right")
    async with no_postgres_left(data_dir):
        try:
            await asyncio.gather(left.start(), right.start())
            yield left, right
        finally:
            for server in (left, right):
                if server.running:
                    await server.kill()

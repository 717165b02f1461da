"""A server of the test's own, on an empty DATA_DIR."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.system.serving import ServerProcess, serving


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A DATA_DIR that does not exist yet."""
    return tmp_path / "data"


@pytest.fixture
async def server(data_dir: Path) -> AsyncIterator[ServerProcess]:
    """A running server."""
    async with serving(data_dir) as server:
        yield server

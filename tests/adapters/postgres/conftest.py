"""A stopped cluster to begin with, copied: quicker than making one for each test."""

import shutil
from pathlib import Path

import pytest

from server.adapters.postgres.cluster import EmbeddedPostgres
from tests.adapters.postgres.neighbour import ask


@pytest.fixture(scope="session")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DATA_DIR whose server was stopped in order; its table `kept` has one row."""
    data_dir = tmp_path_factory.mktemp("stopped") / "data"
    with EmbeddedPostgres.start(data_dir) as server:
        ask(server.dsn, "create table kept as select 'first' as note")
    (data_dir / "postgres.log").unlink()
    return data_dir


@pytest.fixture
def data_dir(stopped: Path, tmp_path: Path) -> Path:
    """A DATA_DIR of the test's own, with a stopped cluster in it."""
    return shutil.copytree(stopped, tmp_path / "data")

"""The read tables of a fresh database."""

from collections.abc import Iterator

import pytest

from tests.mesh.projected import ReadTables, open_read_tables


@pytest.fixture
def read_tables(database_url: str) -> Iterator[ReadTables]:
    with open_read_tables(database_url) as tables:
        yield tables

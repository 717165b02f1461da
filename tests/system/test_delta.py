"""The Delta table beside a real server: there when a batch is published, the same after a rebuild."""

from pathlib import Path
from typing import Any

import deltalake

from tests.mesh.publishing.conftest import read_table, until
from tests.system.serving import ServerProcess, command
from tests.system.story import do, published, register

RECORDS = """{ dataset(name: "people") {
  records(layer: GOLD, first: 100, orderBy: [{field: "_id"}]) { nodes totalCount }
} }"""


def paths(table: Path) -> set[str]:
    if not deltalake.DeltaTable.is_deltatable(str(table)):
        return set()
    return set(deltalake.DeltaTable(table).file_uris())


async def records(server: ServerProcess) -> list[dict[str, Any]]:
    """The published rows as the graph has them."""
    rows: list[dict[str, Any]] = (await server.ask(RECORDS))["dataset"]["records"]["nodes"]
    return [{name: value for name, value in row.items() if name != "_created_at"} for row in rows]


def told(table: Path) -> list[dict[str, Any]]:
    """The rows of the table as JSON has them."""
    return [row | {"spent": None if row["spent"] is None else float(row["spent"])} for row in read_table(str(table))]


async def test_other_engines_read_what_the_graph_shows(server: ServerProcess) -> None:
    table = server.data_dir / "lake" / "people" / "gold"
    await register(server)
    await published(server, "b1")
    await published(server, "b2", "id,email,spent\n7,gi@example.com,7.25\n")
    await until(lambda: len(paths(table)) == 2)
    rows = await records(server)
    assert (len(rows), told(table)) == (4, rows)

    before = paths(table)
    status, said = await command(server.data_dir, "rebuild")
    assert (status, said.splitlines()[1:]) == (0, ["Delta logs rebuilt: 1"])
    assert (paths(table), told(table)) == (before, rows)

    await do(server, "quarantineBatch", batchId="b1", reason="smells")
    await until(lambda: len(paths(table)) == 1)
    assert told(table) == await records(server) == rows[3:]

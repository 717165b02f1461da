"""A dataset's state and its rows in the read tables are one truth."""

import dataclasses

from server.mesh.dataset.domain import DATASET, Dataset, Event
from server.mesh.dataset.projection import FIELDS
from server.mesh.dataset.tables import DatasetRow, SchemaVersionRow
from tests.mesh.dataset.test_domain import COMPLETED, ORDERS, REGISTERED, REQUESTED
from tests.mesh.dataset.test_domain import FIELDS as COLUMNS
from tests.mesh.projected import ReadTables, instant

HISTORY: list[Event] = [REGISTERED, REQUESTED, COMPLETED, REQUESTED]


def test_the_rows_as_of_every_position_are_the_state_after_it(read_tables: ReadTables) -> None:
    rows = read_tables.after(ORDERS, HISTORY)
    for position in range(1, len(HISTORY) + 1):
        state = DATASET.fold(HISTORY[:position], None)
        [row] = rows.standing(DatasetRow, position)
        stored = {field.name: row[field.name] for field in dataclasses.fields(Dataset)}
        assert Dataset(**stored | {"fields": FIELDS.validate_python(row["fields"])}) == state
        assert (row["id"], row["revision"]) == (ORDERS, position)
        assert (row["contains_pii"], row["encryption_enabled"]) == (True, False)
        assert (row["created_at"], row["updated_at"]) == (instant(1), instant(position))


def test_the_first_version_of_the_schema_is_kept(read_tables: ReadTables) -> None:
    rows = read_tables.after(ORDERS, HISTORY, together=2)
    [version] = rows.of[SchemaVersionRow]
    assert FIELDS.validate_python(version["fields"]) == COLUMNS
    assert {name: version[name] for name in ("id", "dataset", "version", "position", "registered_at")} == {
        "id": "dataset:orders#1",
        "dataset": ORDERS,
        "version": 1,
        "position": 1,
        "registered_at": instant(1),
    }

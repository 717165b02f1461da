"""A dataset's state and its rows in the read tables are one truth."""

import dataclasses
from dataclasses import replace

import pytest
from pydantic import TypeAdapter

from server.kernel.fields import Field
from server.kernel.ids import Urn
from server.mesh.dataset.domain import DATASET, Dataset, Event
from server.mesh.dataset.tables import DatasetRow, SchemaVersionRow
from tests.mesh.dataset.test_domain import COMPLETED, EVOLVED, FIELDS, ORDERS, REGISTERED, REQUESTED, WIDER
from tests.mesh.projected import ReadTables, instant

SCHEMA = TypeAdapter(tuple[Field, ...])
HISTORY: list[Event] = [REGISTERED, REQUESTED, COMPLETED, EVOLVED, REQUESTED]


def test_the_rows_as_of_every_position_are_the_state_after_it(read_tables: ReadTables) -> None:
    rows = read_tables.after(ORDERS, HISTORY)
    for position in range(1, len(HISTORY) + 1):
        state = DATASET.fold(HISTORY[:position], None)
        [row] = rows.standing(DatasetRow, position)
        stored = {field.name: row[field.name] for field in dataclasses.fields(Dataset)}
        assert Dataset(**stored | {"fields": SCHEMA.validate_python(row["fields"])}) == state
        assert (row["id"], row["revision"]) == (ORDERS, position)
        assert (row["contains_pii"], row["encryption_enabled"]) == (True, False)
        assert (row["product"], row["domain"]) == (None, None)
        assert (row["created_at"], row["updated_at"]) == (instant(1), instant(position))


def test_the_rows_say_the_product_and_the_domain_of_the_registration(read_tables: ReadTables) -> None:
    registered = replace(REGISTERED, product=Urn("product:shop"), domain=Urn("domain:sales"))
    rows = read_tables.after(ORDERS, [registered, EVOLVED])
    told = [(row["product"], row["domain"]) for row in rows.standing(DatasetRow, 2)]
    assert told == [("product:shop", "domain:sales")]


def test_every_version_of_the_schema_is_kept_for_good(read_tables: ReadTables) -> None:
    rows = read_tables.after(ORDERS, HISTORY, together=2)
    first, second = rows.standing(SchemaVersionRow, len(HISTORY))
    assert rows.standing(SchemaVersionRow, 3) == [first]
    assert [SCHEMA.validate_python(one["fields"]) for one in (first, second)] == [FIELDS, WIDER]
    names = ("id", "dataset", "version", "compatibility", "position", "registered_at")
    assert [tuple(one[name] for name in names) for one in (first, second)] == [
        ("dataset:orders#1", ORDERS, 1, "NONE", 1, instant(1)),
        ("dataset:orders#2", ORDERS, 2, "BACKWARD", 4, instant(4)),
    ]


@pytest.mark.parametrize(
    ("said", "pii", "expected"),
    [(None, True, True), (False, True, True), (True, False, True), (False, False, False), (None, False, None)],
)
def test_a_personal_column_makes_the_dataset_personal_and_nothing_takes_that_back(
    read_tables: ReadTables, said: bool | None, pii: bool, expected: bool | None
) -> None:
    plain = (Field(name="id", type="int"),)
    registered = replace(REGISTERED, fields=plain, contains_pii=said)
    evolved = replace(EVOLVED, fields=(*plain, Field(name="town", type="string", pii=pii)))
    again = replace(EVOLVED, schema_version=3, fields=plain)
    rows = read_tables.after(ORDERS, [registered, evolved, again])
    told = [rows.standing(DatasetRow, position)[0]["contains_pii"] for position in (1, 2, 3)]
    assert told == [said, expected, expected]

"""Old files under today's schema: every pair of types is read as the kernel's table says."""

import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from server.adapters.engine.records.view import view_of
from server.adapters.engine.source import Source
from server.kernel.compatibility import Reading, readable_as
from server.kernel.fields import Field, parse_type
from tests.adapters.engine.batches import sandboxed
from tests.adapters.engine.records.test_pages import stored

NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)
MIDNIGHT = datetime(2024, 2, 29, tzinfo=UTC)
VALUES: dict[str, list[Any]] = {
    "string": ["1", "1.50", "true", "2024-02-29", "2024-02-29T12:00:00Z", '{"a": 1}', "x", ""],
    "int": [1, 0, 2**53 + 1],
    "float": [1.0, 1.5, 1e300],
    "decimal(10,2)": [Decimal("1.00"), Decimal("1.50")],
    "decimal(4,1)": [Decimal("1.0"), Decimal("1.5")],
    "boolean": [True, False],
    "date": [date(2024, 2, 29)],
    "datetime": [MIDNIGHT, NOON],
    "json": ["1", "1.50", "true", '"2024-02-29"', '"2024-02-29T12:00:00Z"', '{"a": 1}', "null"],
}
READ: dict[tuple[str, str], list[Any]] = {
    ("string", "int"): [1, None, None, None, None, None, None, None],
    ("string", "float"): [1.0, 1.5, None, None, None, None, None, None],
    ("string", "decimal(10,2)"): [Decimal("1.00"), Decimal("1.50"), None, None, None, None, None, None],
    ("string", "boolean"): [None, None, True, None, None, None, None, None],
    ("string", "date"): [None, None, None, date(2024, 2, 29), None, None, None, None],
    ("string", "datetime"): [None, None, None, None, NOON, None, None, None],
    ("string", "json"): ["1", "1.50", "true", None, None, '{"a": 1}', None, None],
    ("string", "decimal(4,1)"): [Decimal("1.0"), None, None, None, None, None, None, None],
    ("int", "float"): [1.0, 0.0, float(2**53)],
    ("int", "decimal(4,1)"): [Decimal("1.0"), Decimal("0.0"), None],
    ("int", "string"): ["1", "0", "9007199254740993"],
    ("int", "boolean"): [None, None, None],
    ("int", "date"): [None, None, None],
    ("int", "json"): ["1", "0", "9007199254740993"],
    ("float", "int"): [1, None, None],
    ("float", "decimal(10,2)"): [Decimal("1.00"), Decimal("1.50"), None],
    ("float", "string"): ["1.0", "1.5", "1e+300"],
    ("decimal(10,2)", "int"): [1, None],
    ("decimal(10,2)", "float"): [1.0, 1.5],
    ("decimal(10,2)", "decimal(4,1)"): [Decimal("1.0"), Decimal("1.5")],
    ("decimal(4,1)", "decimal(10,2)"): [Decimal("1.00"), Decimal("1.50")],
    ("float", "json"): ["1.0", "1.5", "1e+300"],
    ("decimal(10,2)", "json"): ["1.00", "1.50"],
    ("decimal(4,1)", "json"): ["1.0", "1.5"],
    ("json", "decimal(10,2)"): [Decimal("1.00"), Decimal("1.50"), None, None, None, None, None],
    ("json", "decimal(4,1)"): [Decimal("1.0"), None, None, None, None, None, None],
    ("decimal(10,2)", "string"): ["1.00", "1.50"],
    ("boolean", "string"): ["true", "false"],
    ("boolean", "int"): [None, None],
    ("boolean", "json"): ["true", "false"],
    ("date", "datetime"): [MIDNIGHT],
    ("date", "string"): ["2024-02-29"],
    ("date", "json"): ['"2024-02-29"'],
    ("datetime", "date"): [date(2024, 2, 29), None],
    ("datetime", "string"): ["2024-02-29T00:00:00.000000Z", "2024-02-29T12:00:00.000000Z"],
    ("datetime", "json"): ['"2024-02-29T00:00:00.000000Z"', '"2024-02-29T12:00:00.000000Z"'],
    ("json", "string"): VALUES["json"],
    ("json", "int"): [1, None, None, None, None, None, None],
    ("json", "float"): [1.0, 1.5, None, None, None, None, None],
    ("json", "boolean"): [None, None, True, None, None, None, None],
    ("json", "date"): [None, None, None, date(2024, 2, 29), None, None, None],
    ("json", "datetime"): [None, None, None, None, NOON, None, None],
}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lake")


@pytest.fixture(scope="module")
def cursor(lake: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with sandboxed(lake) as session:
        yield session


def rows(cursor: duckdb.DuckDBPyConnection, sources: list[Source], fields: tuple[Field, ...]) -> list[Any]:
    view = view_of(sources, fields)
    return cursor.execute(
        f"{view.sql} select * exclude (_batch_id, _created_at) from batch", view.parameters
    ).fetchall()


@pytest.mark.parametrize(("old", "new"), list(itertools.permutations(VALUES, 2)))
def test_a_retyped_column_is_read_as_the_table_says(
    cursor: duckdb.DuckDBPyConnection, lake: Path, old: str, new: str
) -> None:
    source, _ = stored(lake, "b", [{"c": value} for value in [*VALUES[old], None]], (Field(name="c", type=old),))
    *found, null = [row[1] for row in rows(cursor, [source], (Field(name="c", type=new),))]
    assert null is None
    if (old, new) in READ:
        assert [(type(value), value) for value in found] == [(type(value), value) for value in READ[old, new]]
    elif readable_as(parse_type(old), parse_type(new)) is Reading.TRIED:
        assert all(value is None or value == kept for value, kept in zip(found, VALUES[old], strict=True))
    else:
        assert None not in found


def test_files_of_many_shapes_are_one_table(cursor: duckdb.DuckDBPyConnection, lake: Path) -> None:
    one, _ = stored(
        lake, "b1", [{"n": 1, "gone": "x"}], (Field(name="n", type="int"), Field(name="gone", type="string"))
    )
    two, _ = stored(
        lake, "b2", [{"n": 2.5, "new": True}], (Field(name="new", type="boolean"), Field(name="n", type="float"))
    )
    three, _ = stored(lake, "b3", [{"n": 3, "gone": "y"}], one.fields)
    fields = (Field(name="new", type="boolean"), Field(name="n", type="float"))
    assert sorted(rows(cursor, [one, two, three], fields)) == [
        ("b1-000000000000", None, 1.0),
        ("b2-000000000000", True, 2.5),
        ("b3-000000000000", None, 3.0),
    ]
    assert view_of([one, two, three], fields).sql.count("read_parquet") == 2

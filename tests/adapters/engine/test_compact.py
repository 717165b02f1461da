from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from server.adapters.engine.compact import compact
from server.adapters.engine.source import Source
from server.kernel.fields import Field

FIELDS = (Field(name="amount", type="decimal(10,2)"), Field(name='a "b"', type="string"))
SCHEMA = pa.schema(
    [
        ("_id", pa.string()),
        ("_batch_id", pa.string()),
        ("_created_at", pa.timestamp("us", "UTC")),
        ("amount", pa.decimal128(10, 2)),
        ('a "b"', pa.string()),
    ]
)
AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def written(path: Path, batches: Sequence[str], columns: Sequence[str] = SCHEMA.names) -> Path:
    """Two rows of each batch."""
    ids = [(f"{batch}-{number:012}", batch) for batch in batches for number in range(2)]
    rows = [{"_id": id, "_batch_id": batch, "_created_at": AT, "amount": None, 'a "b"': id[-1]} for id, batch in ids]
    parquet.write_table(pa.Table.from_pylist(rows, SCHEMA).select(columns), path)
    return path


def ids(path: Path) -> list[str]:
    return list(parquet.read_table(path)["_id"].to_pylist())


@pytest.fixture
def cursor() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 2}) as connection:
        yield connection


def test_copies_rows_as_they_are_in_the_order_of_their_ids(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    paths = [written(tmp_path / f"{name}.parquet", [name]) for name in ("c", "a", "b")]
    target = tmp_path / "all.parquet"
    assert compact(cursor, [Source(path=path, fields=FIELDS) for path in paths], FIELDS, target) == 6
    expected = pa.concat_tables(parquet.read_table(path) for path in paths).sort_by("_id")
    assert parquet.read_table(target).equals(expected)


def test_takes_only_the_batches_that_are_named(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    copy = written(tmp_path / "copy.parquet", ["a", "b", "b2", "c"])
    own = written(tmp_path / "own.parquet", ["a"])
    target = tmp_path / "all.parquet"
    assert (
        compact(
            cursor,
            [Source(path=copy, fields=FIELDS, batches=("b", "c")), Source(path=own, fields=FIELDS)],
            FIELDS,
            target,
        )
        == 6
    )
    assert ids(target) == [f"{batch}-{number:012}" for batch in "abc" for number in range(2)]


def test_columns_in_another_order_stay_under_their_names(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    one = written(tmp_path / "one.parquet", ["a"])
    other = written(tmp_path / "other.parquet", ["b"], columns=list(reversed(SCHEMA.names)))
    target = tmp_path / "all.parquet"
    compact(cursor, [Source(path=other, fields=FIELDS), Source(path=one, fields=FIELDS)], FIELDS, target)
    assert parquet.read_schema(target).equals(SCHEMA)
    assert parquet.read_table(target)["_batch_id"].to_pylist() == ["a", "a", "b", "b"]

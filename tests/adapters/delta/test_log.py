"""The Delta log as other engines read it, over files that stand under keys of the lake."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import deltalake
import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from server.adapters.delta.commit import schema_text
from server.adapters.delta.log import CHECKPOINT_EVERY, DeltaLog, LogDamaged, Wanted
from server.adapters.storage import layout
from server.adapters.storage.local import LocalStorage
from server.adapters.storage.port import ObjectExists
from server.kernel.fields import Field

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
INSTANT = datetime(2026, 1, 1, tzinfo=UTC)
NUMBER = (Field(name="n", type="int"),)
ODD = (Field(name="year's %", type="int"), Field(name="日本 語", type="string"), Field(name="a,b;{}()=", type="date"))


class Lake:
    """One dataset's published files and its log."""

    def __init__(self, root: Path) -> None:
        self.storage = LocalStorage(root)
        self.log = DeltaLog(self.storage, layout.delta_table("sales"), layout.delta_log("sales"))
        self.folder = self.storage.root / "sales" / "gold" / "_delta_log"

    def file(self, batch: str, **columns: list[Any]) -> str:
        """A published file of these columns; its path in the table."""
        rows = len(next(iter(columns.values())))
        system = {
            "_id": [f"{batch}-{number:012}" for number in range(rows)],
            "_batch_id": [batch] * rows,
            "_created_at": pa.array([INSTANT] * rows, pa.timestamp("us", "UTC")),
        }
        staged = self.storage.staging()
        parquet.write_table(pa.table(system | columns), staged)
        key = layout.gold("sales", batch, 1)
        self.storage.commit(staged, key)
        return key.removeprefix(layout.delta_table("sales"))

    def bring(self, position: int, *paths: str, fields: tuple[Field, ...] = NUMBER) -> bool:
        rows = {path: parquet.read_metadata(self.storage.root / "sales" / "gold" / path).num_rows for path in paths}
        return self.log.bring(Wanted(position=position, schema=schema_text(fields), rows=rows), NOW)

    def commits(self) -> list[list[dict[str, Any]]]:
        """The actions of each commit."""
        return [
            [json.loads(line) for line in path.read_text().splitlines()] for path in sorted(self.folder.glob("*.json"))
        ]

    def rows(self) -> list[dict[str, Any]]:
        """What every engine reads of the table, in order of `_id`."""
        table = deltalake.DeltaTable(self.log.uri)
        arrow = sorted(table.to_pyarrow_table().to_pylist(), key=lambda row: row["_id"])
        rust = pa.table(deltalake.QueryBuilder().register("t", table).execute("select * from t order by _id"))
        assert rust.to_pylist() == arrow
        assert polars.read_delta(self.log.uri).sort("_id").to_dicts() == arrow
        if files := table.file_uris():
            duck = duckdb.connect().execute(
                "select * from read_parquet($1, union_by_name = true) order by _id", [sorted(files)]
            )
            names = [column[0] for column in duck.description]
            found = [dict(zip(names, row, strict=True)) for row in duck.fetchall()]
            assert [{name: row.get(name) for name in arrow[0]} for row in found] == arrow
        return arrow


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def numbers(lake: Lake) -> list[Any]:
    return [row["n"] for row in lake.rows()]


def test_writes_no_log_before_something_is_published(lake: Lake) -> None:
    assert (lake.bring(1), lake.log.read(), lake.folder.exists()) == (False, None, False)


def test_adds_removes_and_swaps_in_one_commit_each(lake: Lake) -> None:
    one, two, three = (lake.file(f"b{number}", n=[number, number]) for number in (1, 2, 3))
    assert lake.bring(5, one)
    assert lake.bring(6, one, two)
    assert lake.bring(7, one, three)
    assert numbers(lake) == [1, 1, 3, 3]
    assert lake.bring(8)
    assert lake.rows() == []
    assert lake.bring(9, two)
    assert numbers(lake) == [2, 2]
    kinds = [sorted(next(iter(action)) for action in commit) for commit in lake.commits()]
    assert kinds == [
        ["add", "commitInfo", "metaData", "protocol", "txn"],
        ["add", "commitInfo", "txn"],
        ["add", "commitInfo", "remove", "txn"],
        ["commitInfo", "remove", "remove", "txn"],
        ["add", "commitInfo", "txn"],
    ]
    assert deltalake.DeltaTable(lake.log.uri).transaction_version("lakemesh") == 9


def test_says_nothing_of_a_file_but_its_rows(lake: Lake) -> None:
    lake.bring(5, lake.file("b1", n=[41, 42]))
    (add,) = [action["add"] for action in lake.commits()[0] if "add" in action]
    assert add == {
        "path": "b1/1.parquet",
        "partitionValues": {},
        "size": lake.storage.size("sales/gold/b1/1.parquet"),
        "modificationTime": 1767323045000,
        "dataChange": True,
        "stats": '{"numRecords":2}',
    }


def test_commits_nothing_where_nothing_changed_or_the_log_is_ahead(lake: Lake) -> None:
    one, two = lake.file("b1", n=[1]), lake.file("b2", n=[2])
    assert lake.bring(5, one)
    assert not lake.bring(6, one)
    assert not lake.bring(4, one, two)
    assert (len(lake.commits()), numbers(lake)) == (1, [1])


def test_changes_columns_and_files_in_one_commit_and_keeps_the_table(lake: Lake) -> None:
    one, two = lake.file("b1", n=[1], old=["x"]), lake.file("b2", n=[2], new=["y"])
    lake.bring(5, one, fields=(*NUMBER, Field(name="old", type="string")))
    made = deltalake.DeltaTable(lake.log.uri).metadata().id
    assert lake.bring(6, one, two, fields=(*NUMBER, Field(name="new", type="string")))
    assert [(row["n"], row["new"], "old" in row) for row in lake.rows()] == [(1, None, False), (2, "y", False)]
    changed = lake.commits()[1]
    assert [next(iter(action)) for action in changed] == ["commitInfo", "txn", "metaData", "add"]
    assert deltalake.DeltaTable(lake.log.uri).metadata().id == made


def test_takes_column_names_as_real_tables_have_them(lake: Lake) -> None:
    day = INSTANT.date()
    lake.bring(5, lake.file("b1", **{"year's %": [1], "日本 語": ["x"], "a,b;{}()=": [day]}), fields=ODD)
    (row,) = lake.rows()
    assert [row[field.name] for field in ODD] == [1, "x", day]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("string", "x"),
        ("int", -(2**63)),
        ("float", 0.5),
        ("boolean", False),
        ("date", INSTANT.date()),
        ("datetime", INSTANT),
        ("json", '{"a": 1}'),
    ],
)
def test_every_type_is_read_back(lake: Lake, kind: str, value: Any) -> None:
    column = pa.array([value, None], pa.timestamp("us", "UTC") if kind == "datetime" else None)
    lake.bring(5, lake.file("b1", n=column), fields=(Field(name="n", type=kind),))  # type: ignore[arg-type]
    assert numbers(lake) == [value, None]


def test_stays_readable_over_checkpoints(lake: Lake) -> None:
    paths = [lake.file(f"b{number:03}", n=[number]) for number in range(CHECKPOINT_EVERY + 3)]
    for number in range(len(paths)):
        lake.bring(number + 1, *paths[: number + 1])
    lake.bring(1000, *paths[3:])
    assert numbers(lake) == list(range(3, len(paths)))
    assert len(list(lake.folder.glob("*.checkpoint.parquet"))) == 1
    for path in lake.folder.glob("*.json"):  # what a checkpoint holds is needed no more
        if int(path.stem) < CHECKPOINT_EVERY:
            path.unlink()
    assert numbers(lake) == list(range(3, len(paths)))
    assert lake.log.read() is not None
    assert lake.bring(1001, *paths)


@pytest.mark.parametrize("harm", ["gap", "garbage", "no metadata"])
def test_tells_a_damaged_log_from_none(lake: Lake, harm: str) -> None:
    one, two = lake.file("b1", n=[1]), lake.file("b2", n=[2])
    for position, paths in enumerate([(one,), (one, two), (two,)], 5):
        lake.bring(position, *paths)
    entries = sorted(lake.folder.glob("*.json"))
    match harm:
        case "gap":
            entries[1].unlink()
        case "garbage":
            entries[1].chmod(0o600)
            entries[1].write_text('{"add": ')
        case _:
            entries[0].unlink()
            entries[1].unlink()
    with pytest.raises(LogDamaged):
        lake.log.read()
    lake.log.drop()
    assert lake.bring(8, two)
    assert (numbers(lake), len(lake.commits())) == ([2], 1)


def test_two_who_build_on_one_version_cannot_both_commit(lake: Lake) -> None:
    one, two, three = (lake.file(f"b{number}", n=[number]) for number in (1, 2, 3))
    lake.bring(5, one)
    behind = lake.log.read()
    lake.bring(6, one, two)

    class Late(DeltaLog):
        def read(self) -> Any:
            return behind

    late = Late(lake.storage, layout.delta_table("sales"), layout.delta_log("sales"))
    with pytest.raises(ObjectExists):
        late.bring(Wanted(position=7, schema=schema_text(NUMBER), rows={one: 1, three: 1}), NOW)
    assert numbers(lake) == [1, 2]
    assert list((lake.storage.root / ".staging").glob("*.part")) == []

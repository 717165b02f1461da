from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.adapters.engine.quality.check import QualityOutcome, check_quality
from server.adapters.engine.quality.context import RuleContext
from server.adapters.engine.source import Source, SourceGone
from server.kernel.fields import Field
from server.kernel.quality import QualityRule, RuleResult
from tests.adapters.engine.batches import sandboxed, write_batch

NOW = datetime(2024, 2, 1, tzinfo=UTC)
FIELDS = (
    Field(name="a", type="int"),
    Field(name="b", type="string"),
    Field(name="email", type="string", pii=True),
)
OLD = (Field(name="a", type="decimal(10,2)"), Field(name="c", type="string"))
Row = dict[str, Any]


@pytest.fixture(name="cursor")
def _cursor(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    session = sandboxed(tmp_path)
    yield session.cursor()
    session.close()


def source(
    folder: Path,
    name: str,
    rows: Sequence[Row],
    fields: tuple[Field, ...] = FIELDS,
    batches: tuple[str, ...] | None = None,
) -> Source:
    """A file of rows, of the batch of its name unless a row says another."""
    path = write_batch(folder / f"{name}.parquet", fields, rows)
    owners = [row.get("_batch_id", name) for row in rows]
    with duckdb.connect() as engine:
        engine.execute("set timezone = 'UTC'")
        engine.execute("create table rows as from read_parquet($1)", [str(path)])
        for place, owner in enumerate(owners):
            engine.execute("update rows set _batch_id = $1 where _id = $2", [owner, f"b1-{place:012}"])
        engine.execute("copy rows to $1 (format parquet)", [str(path)])
    return Source(path=path, fields=fields, batches=batches, rows=len(rows), holds=tuple(set(owners)))


def check(
    cursor: duckdb.DuckDBPyConnection,
    folder: Path,
    rows: Sequence[Row],
    *rules: tuple[str | None, str],
    dataset: Sequence[Source] = (),
    references: dict[str, Sequence[Source]] | None = None,
) -> QualityOutcome:
    path = write_batch(folder / "judged.parquet", FIELDS, rows)
    own = Source(path=path, fields=FIELDS, rows=len(rows), holds=("b1",))
    context = RuleContext(now=NOW, batch="b1", dataset_sources=[own, *dataset], references=references or {})
    judged = [QualityRule(column=column, check=text) for column, text in rules]
    return check_quality(cursor, path, FIELDS, judged, context=context)


def ids(outcome: QualityOutcome, index: int = 0) -> list[int]:
    return [int(str(sample["_id"]).removeprefix("b1-")) for sample in outcome.samples[index]]


def failed(outcome: QualityOutcome) -> list[int]:
    return [result.failed_rows for result in outcome.results]


TOGETHER = [
    {"a": 1, "b": "x"},
    {"a": 1, "b": "y"},
    {"a": 1, "b": "x"},
    {"a": 1, "b": None},
    {"a": 1, "b": None},
    {"a": 2, "b": "x"},
]


def test_columns_are_unique_together_where_none_is_null(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    found = check(
        cursor,
        tmp_path,
        TOGETHER,
        (None, "unique with (a, b)"),
        ("email", "unique with (a, b)"),
        (None, "unique with (b)"),
    )
    assert found.results[0] == RuleResult(
        rule=QualityRule(column=None, check="unique with (a, b)"), passed=False, failed_rows=2, failed_fraction=2 / 6
    )
    assert failed(found) == [2, 2, 3]
    assert [ids(found, place) for place in range(3)] == [[0, 2], [0, 2], [0, 2, 5]]
    assert found.samples[0][0] == {"_id": "b1-000000000000", "a": 1, "b": "x", "email": None}


def test_a_condition_leaves_rows_out_of_the_comparison(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    found = check(
        cursor,
        tmp_path,
        TOGETHER,
        ("a", "unique when b = 'x'"),
        ("a", "unique when b is null"),
        (None, "unique with (a, b) when a > 1"),
    )
    assert failed(found) == [2, 2, 0]
    assert [ids(found, place) for place in range(3)] == [[0, 2], [3, 4], []]


def test_samples_are_of_the_smallest_repeated_values_and_covered(
    cursor: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    rows = [{"a": -(place // 2), "email": "ada@example.com"} for place in range(20)]
    found = check(cursor, tmp_path, rows, ("a", "unique"))
    assert failed(found) == [20]
    assert ids(found) == [10, 11, 12, 13, 14]
    assert {sample["email"] for sample in found.samples[0]} == {"***"}


def test_a_value_of_another_batch_makes_a_row_fail(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    rows = [{"a": 1}, {"a": 2}, {"a": 3}, {"a": 3}, {"a": None}, {"a": 7}]
    others = [
        source(tmp_path, "b2", [{"a": 2}, {"a": None}]),
        source(tmp_path, "b3", [{"a": Decimal("7.00")}, {"a": Decimal("1.01")}], OLD),
        source(tmp_path, "b4", [{"c": "2"}], (Field(name="c", type="string"),)),
        source(tmp_path, "b5", [{"a": "1"}], (Field(name="a", type="string"),)),
    ]
    found = check(cursor, tmp_path, rows, ("a", "unique in dataset"), ("a", "unique"), dataset=others)
    assert failed(found) == [4, 2]
    assert [ids(found, place) for place in range(2)] == [[1, 2, 3, 5], [2, 3]]


def test_only_the_rows_that_count_make_a_row_fail(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    rows = [{"a": place} for place in range(5)]
    merged = [{"a": 0, "_batch_id": "b1"}, {"a": 1, "_batch_id": "gone"}, {"a": 2, "_batch_id": "b2"}]
    others = [source(tmp_path, "merged", merged, batches=("b1", "b2"))]
    found = check(cursor, tmp_path, rows, ("a", "unique in dataset"), dataset=others)
    assert (failed(found), ids(found)) == ([1], [2])


def test_without_another_batch_it_is_unique_alone(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    found = check(cursor, tmp_path, [{"a": 1}, {"a": 1}, {"a": 2}], ("a", "unique in dataset"))
    assert (failed(found), ids(found)) == ([2], [0, 1])


def test_a_condition_holds_for_the_other_batches_too(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    rows = [{"a": 1, "b": "x"}, {"a": 2, "b": "x"}, {"a": 3, "b": "y"}]
    others = [
        source(tmp_path, "b2", [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}, {"a": 3, "b": "x"}]),
        source(tmp_path, "b3", [{"a": Decimal(2)}], OLD),
    ]
    found = check(
        cursor,
        tmp_path,
        rows,
        ("a", "unique in dataset when b = 'x'"),
        ("a", "unique in dataset when b is not null"),
        ("a", "unique in dataset when b is null"),
        dataset=others,
    )
    assert failed(found) == [1, 3, 0]
    assert ids(found) == [0]


def test_a_value_that_the_other_dataset_lacks_fails(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    rows = [{"a": 1, "b": "x"}, {"a": 5, "b": "x"}, {"a": None, "b": "x"}, {"a": 6, "b": "y"}, {"a": 2, "b": "y"}]
    users = [
        source(tmp_path, "u1", [{"a": Decimal("1.00")}, {"a": None}], OLD),
        source(tmp_path, "u2", [{"a": 2}]),
        source(tmp_path, "u3", [{"b": "5"}], (Field(name="b", type="string"),)),
    ]
    found = check(
        cursor,
        tmp_path,
        rows,
        ("a", "in dataset users.a"),
        ("a", "in dataset users.a when b = 'x'"),
        references={"users": users},
    )
    assert found.results[0] == RuleResult(
        rule=QualityRule(column="a", check="in dataset users.a"), passed=False, failed_rows=2, failed_fraction=2 / 5
    )
    assert failed(found) == [2, 1]
    assert [ids(found, place) for place in range(2)] == [[1, 3], [1]]


def test_an_empty_dataset_has_no_value(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    rows = [{"a": 1}, {"a": None}]
    found = check(cursor, tmp_path, rows, ("a", "in dataset users.a"), references={"users": ()})
    assert (failed(found), ids(found)) == ([1], [0])


def test_an_empty_batch_breaks_none_of_them(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    others = [source(tmp_path, "b2", [{"a": 1}])]
    rules = [(None, "unique with (a, b)"), ("a", "unique in dataset"), ("a", "in dataset users.a")]
    found = check(cursor, tmp_path, [], *rules, dataset=others, references={"users": others})
    assert [(one.passed, one.failed_rows, one.failed_fraction) for one in found.results] == [(True, 0, 0.0)] * 3
    assert found.samples == ((), (), ())


VALUES = st.lists(st.none() | st.integers(0, 6), max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VALUES, VALUES, VALUES)
def test_fails_what_a_plain_reading_fails(
    cursor: duckdb.DuckDBPyConnection,
    tmp_path: Path,
    own: list[int | None],
    others: list[int | None],
    more: list[int | None],
) -> None:
    elsewhere = [
        source(tmp_path, "b2", [{"a": value} for value in others]),
        source(tmp_path, "b3", [{"a": value} for value in more]),
    ]
    known = {value for value in (*others, *more) if value is not None}
    present = [value for value in own if value is not None]
    rules = [("a", "unique"), ("a", "unique in dataset"), ("a", "in dataset users.a")]
    found = check(
        cursor, tmp_path, [{"a": value} for value in own], *rules, dataset=elsewhere, references={"users": elsewhere}
    )
    assert failed(found) == [
        sum(present.count(value) > 1 for value in present),
        sum(present.count(value) > 1 or value in known for value in present),
        sum(value not in known for value in present),
    ]
    assert [len(sample) for sample in found.samples] == [min(count, 5) for count in failed(found)]


@pytest.mark.parametrize("rule", ["unique in dataset", "in dataset users.a"])
def test_a_file_that_went_meanwhile_is_told_as_such(
    cursor: duckdb.DuckDBPyConnection, tmp_path: Path, rule: str
) -> None:
    other = source(tmp_path, "b2", [{"a": 1}])
    other.path.unlink()
    with pytest.raises(SourceGone, match="the files of this dataset are being replaced"):
        check(cursor, tmp_path, [{"a": 1}], ("a", rule), dataset=[other], references={"users": [other]})

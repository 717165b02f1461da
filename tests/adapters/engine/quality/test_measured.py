from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.adapters.engine.quality.check import QualityOutcome, check_quality
from server.adapters.engine.quality.context import RuleContext
from server.kernel.errors import InvalidData
from server.kernel.fields import Field
from server.kernel.quality import QualityRule, RuleResult
from tests.adapters.engine.batches import sandboxed, write_batch

NOW = datetime(2024, 2, 1, 12, tzinfo=UTC)
FIELDS = (
    Field(name="name", type="string"),
    Field(name="count", type="int"),
    Field(name="score", type="float"),
    Field(name="amount", type="decimal(10,2)"),
    Field(name="wide", type="decimal(38,0)"),
    Field(name="active", type="boolean"),
    Field(name="born", type="date"),
    Field(name="seen", type="datetime"),
)


@pytest.fixture(name="cursor")
def _cursor(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    session = sandboxed(tmp_path)
    yield session.cursor()
    session.close()


def check(
    cursor: duckdb.DuckDBPyConnection, folder: Path, rows: list[dict[str, Any]], *rules: QualityRule
) -> QualityOutcome:
    path = write_batch(folder / "batch.parquet", FIELDS, rows)
    return check_quality(cursor, path, FIELDS, rules, context=RuleContext(now=NOW, batch="b1"))


@pytest.mark.parametrize(
    ("column", "values", "text", "met"),
    [
        ("count", [1, 1, 2, None], "distinct_count = 2", True),
        ("name", ["a", "A", None], "distinct_count between 3 and 4", False),
        ("count", [1, None, None, None], "null_fraction <= 0.75", True),
        ("count", [1] * 9 + [None], "null_fraction < 0.1", False),
        ("count", [1] * 9 + [None], "null_fraction = 0.1", True),
        ("count", [2**63 - 1, 2**63 - 1, None], "mean = 9223372036854775807", True),
        ("count", [1, 2], "mean = 1.5", True),
        ("count", [1, 1, 2], "mean > 1.3333333333333333333", True),
        ("amount", [Decimal("0.10"), Decimal("0.20"), Decimal("0.30")], "mean = 0.2", True),
        ("score", [0.5, 1.5, None], "mean between 1 and 1", True),
        ("count", [2**63 - 1, 2**63 - 1], "sum = 18446744073709551614", True),
        ("amount", [Decimal("0.10"), Decimal("0.20")], "sum = 0.3", True),
        ("score", [1e300, 1.0], "sum > 1e299", True),
        ("count", [3, -2, None], "min >= -2", True),
        ("amount", [Decimal("1.10"), Decimal("1.09")], "max < 1.1", False),
        ("name", ["b", "é", None], "max = 'é'", True),
        ("born", [date(2024, 1, 2), None], "min > '2024-01-01'", True),
        ("seen", [datetime(2024, 1, 1, 12, tzinfo=UTC)], "max = '2024-01-01T13:00:00+01:00'", True),
        ("seen", [NOW - timedelta(days=9), NOW - timedelta(hours=24), None], "freshness <= 24 h", True),
        ("seen", [NOW - timedelta(hours=24, microseconds=1)], "freshness <= 24 h", False),
        ("seen", [NOW + timedelta(days=1)], "freshness <= 0 m", True),
        ("born", [date(2024, 2, 1)], "freshness <= 720 m", True),
        ("born", [date(2024, 2, 1)], "freshness <= 719 m", False),
        ("born", [date(2024, 1, 31)], "freshness <= 2 d", True),
    ],
)
def test_a_broken_figure_fails_every_row_and_shows_none(
    cursor: duckdb.DuckDBPyConnection, tmp_path: Path, column: str, values: list[Any], text: str, met: bool
) -> None:
    rule = QualityRule(column=column, check=text)
    found = check(cursor, tmp_path, [{column: value} for value in values], rule)
    failed = 0 if met else len(values)
    fraction = 0.0 if met else 1.0
    assert found.results == (RuleResult(rule=rule, passed=met, failed_rows=failed, failed_fraction=fraction),)
    assert found.samples == ((),)


EVERY = [
    ("count", "distinct_count = 0"),
    ("count", "null_fraction = 1"),
    ("count", "mean > 5"),
    ("amount", "sum > 5"),
    ("score", "sum > 5"),
    ("count", "min > 5"),
    ("name", "max > 'x'"),
    ("seen", "freshness <= 1 m"),
]


@pytest.mark.parametrize("rows", [0, 2])
def test_without_a_value_there_is_nothing_to_judge(
    cursor: duckdb.DuckDBPyConnection, tmp_path: Path, rows: int
) -> None:
    found = check(cursor, tmp_path, [{}] * rows, *(QualityRule(column=column, check=text) for column, text in EVERY))
    assert [result.passed for result in found.results] == [True] * len(EVERY)


def test_a_condition_chooses_the_rows_that_are_measured(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"name": "NL", "count": 1, "seen": NOW},
        {"name": "NL", "count": 3, "seen": None},
        {"name": "BE", "count": 100, "seen": NOW - timedelta(days=9)},
        {"name": None, "count": 1000, "seen": NOW - timedelta(days=9)},
    ]
    judged = [
        ("count", "mean = 2 when name = 'NL'", True),
        ("count", "sum = 1100 when name != 'NL'", False),  # the row without a name is neither
        ("count", "sum = 1000 when name is null", True),
        ("count", "distinct_count = 3 when name is not null", True),
        ("seen", "null_fraction = 0.5 when name in ('NL')", True),
        ("count", "max = 1000 when name not in ('NL')", False),
        ("seen", "freshness <= 1 h when name = 'BE'", False),
        ("seen", "freshness <= 1 h when name = 'NL'", True),
        (None, "row_count = 2 when name = 'NL'", True),
        (None, "row_count = 3 when count between 3 and 1000", True),
        ("count", "mean > 5 when name = 'XX'", True),
    ]
    found = check(cursor, tmp_path, rows, *(QualityRule(column=column, check=text) for column, text, _ in judged))
    assert [result.passed for result in found.results] == [met for _, _, met in judged]
    assert {result.failed_rows for result in found.results if not result.passed} == {4}


def test_a_threshold_of_one_lets_a_broken_figure_pass(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    rules = [QualityRule(column="count", check="sum > 5", threshold=threshold) for threshold in (0.99, 1.0)]
    assert [result.passed for result in check(cursor, tmp_path, [{"count": 1}], *rules).results] == [False, True]


def test_refuses_a_sum_of_more_digits_than_a_number_holds(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    rows = [{"wide": Decimal("9" * 38)}, {"wide": Decimal("9" * 38)}]
    with pytest.raises(InvalidData, match="has more digits than a number of 38 digits holds"):
        check(cursor, tmp_path, rows, QualityRule(column="wide", check="sum > 0"))


NUMBERS = st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=9)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NUMBERS)
def test_figures_of_whole_numbers_are_exact(
    cursor: duckdb.DuckDBPyConnection, tmp_path: Path, values: list[int | None]
) -> None:
    present = [value for value in values if value is not None] or [0]
    mean = Fraction(sum(present), len(present))
    texts = [f"sum = {sum(present)}", f"min = {min(present)}", f"max = {max(present)}"]
    texts += [f"mean >= {mean.numerator // mean.denominator}", f"mean < {mean.numerator // mean.denominator + 1}"]
    rules = [QualityRule(column="count", check=text) for text in texts]
    found = check(cursor, tmp_path, [{"count": value} for value in values], *rules)
    assert [result.passed for result in found.results] == [True] * len(texts)

import operator
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import re2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.adapters.engine.quality.check import QualityOutcome, check_quality, validate
from server.adapters.engine.quality.context import RuleContext
from server.adapters.engine.session import Engine
from server.kernel.errors import BadUserInput
from server.kernel.fields import Field
from server.kernel.quality import QualityRule, RuleResult, Severity, broken_rules
from tests.adapters.engine.batches import sandboxed, write_batch

FIELDS = (
    Field(name="name", type="string"),
    Field(name="count", type="int"),
    Field(name="score", type="float"),
    Field(name="amount", type="decimal(10,2)"),
    Field(name="active", type="boolean"),
    Field(name="born", type="date"),
    Field(name="seen", type="datetime"),
)
BY_NAME = {field.name: field for field in FIELDS}
CONTEXT = RuleContext(now=datetime(2024, 2, 1, tzinfo=UTC), batch="b1")


@pytest.fixture(name="cursor")
def _cursor(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    session = sandboxed(tmp_path)
    yield session.cursor()
    session.close()


def rule(column: str | None, check: str, threshold: float = 0.0, severity: Severity = Severity.ERROR) -> QualityRule:
    return QualityRule(column=column, check=check, threshold=threshold, severity=severity)


def check(
    cursor: duckdb.DuckDBPyConnection, folder: Path, rows: list[dict[str, Any]], *rules: QualityRule
) -> QualityOutcome:
    return check_quality(cursor, write_batch(folder / "batch.parquet", FIELDS, rows), FIELDS, rules, context=CONTEXT)


@pytest.mark.parametrize(
    ("column", "values", "text", "failed"),
    [
        ("count", [1, 0, -1, None], "> 0", 2),
        ("count", [1, 2, 2, 3], "!= 2", 2),
        ("count", [-(2**63), 2**63 - 1], ">= -9223372036854775808", 0),
        ("count", [-(2**63), 2**63 - 1], "< 9223372036854775807", 1),
        ("count", [0, 5, 10, 11, None], "between 0 and 10", 1),
        ("count", [1, 2, 3, None], "in (1, 2)", 1),
        ("count", [1, 2, 3, None], "not in (1, 2)", 2),
        ("count", [1, None, None], "not null", 2),
        ("count", [1, 1, 2, 3, 3, 3, None, None], "unique", 5),
        ("name", ["a", "A", "a ", None], "unique", 0),
        ("name", ["EUR", "eur", "it's", ""], "in ('EUR', 'it''s')", 2),
        ("name", ["b", "a", "é", None], "> 'a'", 1),
        ("name", ["AB1", "xAB", "b", None], "matches '[A-Z]{2}'", 1),
        ("name", ["ab", "Éé", "😀😀😀", "", None], "length <= 2", 1),
        ("name", ["'; drop table batch; --", "$source", "\\"], "in ('''; drop table batch; --', '$source', '\\')", 0),
        ("score", [0.1, 0.30000000000000004, 0.3], "= 0.30000000000000004", 2),
        ("score", [1e300, 5e-324, -0.0], ">= 5e-324", 1),
        ("amount", [Decimal("1.10"), Decimal("1.11"), Decimal("-99999999.99")], "<= 1.1", 1),
        ("active", [True, False, None], "= 'true'", 1),
        ("born", [date(2024, 2, 29), date(2024, 3, 1)], "between '2024-02-01' and '2024-02-29'", 1),
        (
            "seen",
            [datetime(2024, 1, 1, 0, 0, 0, 123457, tzinfo=UTC), datetime(2024, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)],
            "<= '2024-01-01T02:00:00.123456+02:00'",
            1,
        ),
    ],
)
def test_counts_the_rows_that_fail(
    cursor: duckdb.DuckDBPyConnection, tmp_path: Path, column: str, values: list[Any], text: str, failed: int
) -> None:
    found = check(cursor, tmp_path, [{column: value} for value in values], rule(column, text))
    assert found.checked_rows == len(values)
    assert found.results == (
        RuleResult(
            rule=rule(column, text),
            passed=failed == 0,
            failed_rows=failed,
            failed_fraction=failed / len(values),
        ),
    )
    assert len(found.samples[0]) == min(failed, 5)


def test_a_fraction_equal_to_the_threshold_passes(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    rows = [{"count": place} for place in range(10)]
    judged = [rule("count", ">= 3", threshold) for threshold in (0.29, 0.3, 1.0)]
    found = check(cursor, tmp_path, rows, *judged)
    assert [result.passed for result in found.results] == [False, True, True]
    assert [result.failed_fraction for result in found.results] == [0.3, 0.3, 0.3]


def test_a_broken_warning_is_told_and_fails_nothing(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    found = check(
        cursor, tmp_path, [{"count": 1}], rule("count", "> 5", severity=Severity.WARNING), rule("count", "> 0")
    )
    assert [result.passed for result in found.results] == [False, True]
    assert broken_rules(found.results) == []


def test_an_empty_batch_breaks_only_rules_about_its_rows(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    judged = [rule("count", "> 0"), rule("count", "unique"), rule(None, "row_count > 0"), rule(None, "row_count = 0")]
    found = check(cursor, tmp_path, [], *judged)
    assert found.checked_rows == 0
    assert [(result.passed, result.failed_rows, result.failed_fraction) for result in found.results] == [
        (True, 0, 0.0),
        (True, 0, 0.0),
        (False, 0, 1.0),
        (True, 0, 0.0),
    ]
    assert found.samples == ((), (), (), ())


def test_a_broken_row_count_fails_every_row(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    found = check(cursor, tmp_path, [{"count": 1}, {"count": 2}], rule(None, "row_count > 2"))
    assert found.results[0] == RuleResult(
        rule=rule(None, "row_count > 2"), passed=False, failed_rows=2, failed_fraction=1.0
    )
    assert found.samples == ((),)


def test_no_rule_checks_the_rows_all_the_same(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    assert check(cursor, tmp_path, [{}, {}]) == QualityOutcome(checked_rows=2, results=(), samples=())


def test_samples_are_the_first_failing_rows_with_personal_columns_covered(
    cursor: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    fields = (
        Field(name="email", type="string", pii=True),
        Field(name="person", type="int", subject_key=True),
        Field(name="amount", type="decimal(10,2)"),
        Field(name="seen", type="datetime"),
        Field(name="note", type="string"),
    )
    rows: list[dict[str, Any]] = [
        {
            "email": "jane@example.com" if place % 2 else None,
            "person": 4711,
            "amount": Decimal("-2.50"),
            "seen": datetime(2024, 1, 1, 12, 0, 0, 500_000, tzinfo=UTC),
            "note": "n" * 600,
        }
        for place in range(7)
    ]
    rows[0]["amount"] = Decimal("1.00")
    path = write_batch(tmp_path / "batch.parquet", fields, rows)
    found = check_quality(cursor, path, fields, [rule("amount", "> 0"), rule("email", "unique")], context=CONTEXT)
    shown: dict[str, Any] = {"person": "***", "seen": "2024-01-01T12:00:00.500000Z", "note": "n" * 500 + "..."}
    assert found.samples == (
        tuple(
            {"_id": f"b1-{place:012}", "email": "***" if place % 2 else None, "amount": "-2.50"} | shown
            for place in range(1, 6)
        ),
        tuple({"_id": f"b1-{place:012}", "email": "***", "amount": "-2.50"} | shown for place in (1, 3, 5)),
    )
    opened = check_quality(cursor, path, fields, [rule("email", "unique")], covered={"note"}, context=CONTEXT)
    assert opened.samples[0][0] == {
        "_id": "b1-000000000001",
        "email": "jane@example.com",
        "person": 4711,
        "amount": "-2.50",
        "seen": "2024-01-01T12:00:00.500000Z",
        "note": "***",
    }


def test_column_names_are_never_read_as_sql(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    names = ['"; drop table batch; --', "select", "$source", "it's", "batch", "checked", "failed_0", "value"]
    fields = tuple(Field(name=name, type="int") for name in names)
    path = write_batch(tmp_path / "batch.parquet", fields, [dict.fromkeys(names, 1), dict.fromkeys(names, 1)])
    rules = [rule(name, text) for name in names for text in ("> 1", "unique")]
    found = check_quality(cursor, path, fields, rules, context=CONTEXT)
    assert [result.failed_rows for result in found.results] == [2] * len(rules)
    assert [len(sample) for sample in found.samples] == [2] * len(rules)


@pytest.mark.parametrize("pattern", ["(?=a)", r"(a)\1", "(", "(?P<x", "a{1001}{1001}"])
def test_refuses_a_pattern_that_is_not_re2(pattern: str) -> None:
    with pytest.raises(BadUserInput, match="is not RE2, which has no look-around") as refused:
        validate(rule("name", f"matches '{pattern}'"), FIELDS)
    assert refused.value.field == "check"


def test_refuses_before_it_reads(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    with pytest.raises(BadUserInput, match="did you mean 'count'"):
        check_quality(cursor, tmp_path / "absent.parquet", FIELDS, [rule("cuont", "> 0")], context=CONTEXT)


async def test_runs_in_the_engine(tmp_path: Path) -> None:
    path = write_batch(tmp_path / "batch.parquet", FIELDS, [{"count": 1}, {"count": -1}])
    rules = [rule("count", "> 0"), rule("name", "matches 'a'"), rule("count", "unique")]
    with Engine([tmp_path], "256MB", 2, tmp_path / "spill") as engine:
        found = await engine.run(lambda cursor: check_quality(cursor, path, FIELDS, rules, context=CONTEXT), heavy=True)
    assert [result.failed_rows for result in found.results] == [1, 0, 0]


TEXTS = st.text(st.sampled_from("aAbé '\\$1\n"), max_size=4)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "name": TEXTS,
    "count": st.integers(-3, 3) | st.sampled_from([-(2**63), 2**63 - 1]),
    "score": st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.1, 0.2, 0.30000000000000004]),
    "amount": st.decimals(-10, 10, places=2) | st.sampled_from([Decimal("99999999.99")]),
    "active": st.booleans(),
    "born": st.dates(date(2024, 2, 27), date(2024, 3, 2)),
    "seen": st.datetimes(datetime(2024, 1, 1), datetime(2024, 1, 1, 0, 0, 2), timezones=st.just(UTC)),  # noqa: DTZ001
}
COMPARISONS: dict[str, Any] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "!=": operator.ne,
}
PATTERNS = ["^a", "b$", "a.b", "^.$", "[^a]", r"\$", "(?i)A", "^$", "é|1"]


def written(value: Any) -> str:
    match value:
        case bool():
            return f"'{str(value).lower()}'"
        case int() | float():
            return repr(value)
        case Decimal():
            return f"{value:f}"
        case datetime() | date():
            return f"'{value.isoformat()}'"
        case _:
            quotes_doubled = str(value).replace("'", "''")
            return f"'{quotes_doubled}'"


@st.composite
def ruled_values(draw: st.DrawFn) -> tuple[str, list[Any], str, int]:
    """A column, its values, a check, and how many rows a plain reading of the check finds failing."""
    column = draw(st.sampled_from(list(VALUES)))
    values = draw(st.lists(st.none() | VALUES[column], max_size=12))
    present = [value for value in values if value is not None]
    kinds = ["compare", "one of", "none of", "not null", "unique"]
    kinds += ["between"] if column != "active" else []
    kinds += ["matches", "length"] if column == "name" else []
    some = st.lists(VALUES[column] | (st.sampled_from(present) if present else st.nothing()), min_size=1, max_size=4)
    match draw(st.sampled_from(kinds)):
        case "compare":
            sign = draw(st.sampled_from(["=", "!="] if column == "active" else list(COMPARISONS)))
            other = draw(some)[0]
            return column, values, f"{sign} {written(other)}", sum(not COMPARISONS[sign](v, other) for v in present)
        case "between":
            low, high = sorted([draw(some)[0], draw(some)[0]])
            text = f"between {written(low)} and {written(high)}"
            return column, values, text, sum(not low <= value <= high for value in present)
        case "one of":
            chosen = draw(some)
            return column, values, f"in ({','.join(map(written, chosen))})", sum(v not in chosen for v in present)
        case "none of":
            chosen = draw(some)
            return column, values, f"not in ({','.join(map(written, chosen))})", sum(v in chosen for v in present)
        case "not null":
            return column, values, "not null", len(values) - len(present)
        case "unique":
            return column, values, "unique", sum(present.count(value) > 1 for value in present)
        case "matches":
            pattern = draw(st.sampled_from(PATTERNS))
            return column, values, f"matches '{pattern}'", sum(re2.search(pattern, v) is None for v in present)
        case _:
            sign, size = draw(st.sampled_from(list(COMPARISONS))), draw(st.integers(0, 4))
            return column, values, f"length {sign} {size}", sum(not COMPARISONS[sign](len(v), size) for v in present)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ruled_values(), min_size=1, max_size=6))
def test_counts_what_a_plain_reading_of_the_rules_counts(
    cursor: duckdb.DuckDBPyConnection, tmp_path: Path, judged: list[tuple[str, list[Any], str, int]]
) -> None:
    fields = tuple(Field(name=f"c{place}", type=BY_NAME[column].type) for place, (column, *_) in enumerate(judged))
    height = max(len(values) for _, values, _, _ in judged)
    rows = [
        {f"c{place}": values[row] if row < len(values) else None for place, (_, values, _, _) in enumerate(judged)}
        for row in range(height)
    ]
    rules = [rule(f"c{place}", text) for place, (_, _, text, _) in enumerate(judged)]
    found = check_quality(cursor, write_batch(tmp_path / "batch.parquet", fields, rows), fields, rules, context=CONTEXT)
    expected = [failed + (height - len(values) if text == "not null" else 0) for _, values, text, failed in judged]
    assert [result.failed_rows for result in found.results] == expected
    assert [len(sample) for sample in found.samples] == [min(failed, 5) for failed in expected]

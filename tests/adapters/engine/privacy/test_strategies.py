"""Strategies that make values coarser, noisy or reversible: whole values, types, edges."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from server.adapters.engine.batch_table import batch_table
from server.adapters.engine.privacy.anonymize import anonymize
from server.adapters.engine.privacy.generalize import generalized
from server.adapters.engine.privacy.keys import MESH, privacy_keys, revealed
from server.adapters.engine.privacy.noise import largest, offset_column
from server.kernel.fields import Field, parse_type
from server.kernel.privacy import PrivacyRule, PrivacyStrategy, privacy_schema
from server.kernel.privacy_params import Noise, generalization
from tests.adapters.engine.batches import arrow_type, read_batch, sandboxed, write_batch

SECRET = bytes(range(32))
KEYS = privacy_keys(SECRET, 1, MESH, "sales/b1/1")
SMALLEST, LARGEST = -(2**63), 2**63 - 1


@pytest.fixture(name="cursor")
def _cursor(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    session = sandboxed(tmp_path)
    yield session.cursor()
    session.close()


def became(
    cursor: duckdb.DuckDBPyConnection,
    folder: Path,
    kind: str,
    values: list[Any],
    strategy: PrivacyStrategy,
    params: dict[str, Any],
    run: str = "sales/b1/1",
) -> list[Any]:
    """The values of a column of this type after the rule; its type in the file is the one that the schema says."""
    field = Field(name="a column", type=kind, pii=True)
    rule = PrivacyRule(column=field.name, strategy=strategy, params=params)
    bronze = write_batch(folder / "bronze.parquet", [field], [{field.name: value} for value in values])
    target = folder / "silver.parquet"
    anonymize(cursor, bronze, target, [field], [rule], privacy_keys(SECRET, 1, MESH, run))
    (after,) = privacy_schema([field], [rule])
    assert pq.read_schema(target).field(field.name).type == arrow_type(after.data_type)
    return [row[field.name] for row in read_batch(target)]


class SparkOptions(ibis.config.Config):
    """What Ibis asks of its Spark backend, which is not installed here."""

    treat_nan_as_null: bool = False


DAYS = [date(2024, 2, 29), date(1999, 12, 31), date(2000, 1, 1), date(1899, 8, 15), None]


@pytest.mark.parametrize(
    ("kind", "params", "values", "expected"),
    [
        (
            "date",
            {"to": "month"},
            DAYS,
            [date(2024, 2, 1), date(1999, 12, 1), date(2000, 1, 1), date(1899, 8, 1), None],
        ),
        (
            "date",
            {"to": "quarter"},
            DAYS,
            [date(2024, 1, 1), date(1999, 10, 1), date(2000, 1, 1), date(1899, 7, 1), None],
        ),
        ("date", {"to": "year"}, DAYS, [date(2024, 1, 1), date(1999, 1, 1), date(2000, 1, 1), date(1899, 1, 1), None]),
        (
            "datetime",
            {"to": "month"},
            [datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC), datetime(1969, 12, 31, 23, 0, tzinfo=UTC), None],
            [datetime(2024, 2, 1, tzinfo=UTC), datetime(1969, 12, 1, tzinfo=UTC), None],
        ),
        ("int", {"step": 10}, [0, 9, 10, -1, -10, -11, 2**60 + 5, None], [0, 0, 10, -10, -10, -20, 2**60 + 4, None]),
        ("int", {"step": 10}, [SMALLEST, SMALLEST + 9, LARGEST], [SMALLEST, SMALLEST, LARGEST - 7]),
        ("float", {"step": 2.5}, [0.0, 2.4, 2.5, -0.1, 1e308, None], [0.0, 0.0, 2.5, -2.5, 1e308, None]),
        (
            "decimal(10,2)",
            {"step": 0.25},
            [Decimal("12.34"), Decimal("12.25"), Decimal("-0.01"), Decimal("-0.25"), Decimal("-99999999.99"), None],
            [Decimal("12.25"), Decimal("12.25"), Decimal("-0.25"), Decimal("-0.25"), Decimal("-99999999.99"), None],
        ),
        (
            "decimal",
            {"step": 1000},
            [Decimal("99999999999999999999999999999.999999999"), Decimal("1234.5"), Decimal("-1")],
            [Decimal("99999999999999999999999999000"), Decimal(1000), Decimal(-1000)],
        ),
        (
            "decimal(38,9)",
            {"step": 1000},
            [Decimal("-99999999999999999999999998999.999999999"), Decimal("-99999999999999999999999999000.000000001")],
            [Decimal("-99999999999999999999999999000"), Decimal("-99999999999999999999999999999.999999999")],
        ),
        (
            "int",
            {"bands": [0, 18, 30]},
            [-1, 0, 17, 18, 29, 30, LARGEST, None],
            ["<0", "0-17", "0-17", "18-29", "18-29", "30+", "30+", None],
        ),
        ("int", {"bands": [-10, 0, 1]}, [-11, -10, -1, 0, 1], ["<-10", "-10 to -1", "-10 to -1", "0", "1+"]),
        (
            "decimal(10,2)",
            {"bands": [0, 17.5]},
            [Decimal("17.49"), Decimal("17.50"), Decimal("-0.01"), None],
            ["0-<17.5", "17.5+", "<0", None],
        ),
        ("float", {"bands": [-1, 1e3]}, [999.999, 1000.0, -1.5], ["-1 to <1000", "1000+", "<-1"]),
        ("string", {"prefix": 3}, ["SW1A 1AA", "10", "", "日本語文字", None], ["SW1", "10", "", "日本語", None]),
    ],
)
def test_generalizes(
    cursor: duckdb.DuckDBPyConnection,
    tmp_path: Path,
    kind: str,
    params: dict[str, Any],
    values: list[Any],
    expected: list[Any],
) -> None:
    assert became(cursor, tmp_path, kind, values, PrivacyStrategy.GENERALIZE, params) == expected


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(SMALLEST + 10**6, LARGEST), min_size=1, max_size=20), st.integers(1, 10**6))
def test_a_step_is_the_largest_multiple_below(cursor: duckdb.DuckDBPyConnection, values: list[int], step: int) -> None:
    way = generalization("value", parse_type("int"), {"step": step})
    table = ibis.table({"value": "int64"}, name="given")
    sql = ibis.to_sql(table.select(after=generalized(table.value, parse_type("int"), way)), dialect="duckdb")
    cursor.register("given", pa.table({"value": pa.array(values, pa.int64())}))
    assert [after for (after,) in cursor.execute(sql).fetchall()] == [value // step * step for value in values]


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("date", {"to": "month"}),
        ("date", {"to": "quarter"}),
        ("datetime", {"to": "year"}),
        ("int", {"step": 10}),
        ("float", {"step": 0.5}),
        ("decimal(10,2)", {"step": 0.25}),
        ("int", {"bands": [0, 18]}),
        ("decimal(10,2)", {"bands": [0, 17.5]}),
        ("string", {"prefix": 3}),
    ],
)
def test_every_generalization_compiles_for_spark(
    kind: str, params: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ibis.options, "pyspark", SparkOptions())
    field = Field(name="a column", type=kind)
    table = batch_table([field])
    way = generalization(field.name, field.data_type, params)
    sql = ibis.to_sql(table.select(after=generalized(table[field.name], field.data_type, way)), dialect="pyspark")
    assert "`a column`" in sql


def test_a_pseudonym_is_turned_back_by_its_key_alone(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    values = ["Jane", "", None, "Jane", "jane", "Ä" * 40]
    made = became(cursor, tmp_path, "string", values, PrivacyStrategy.PSEUDONYMIZE, {})
    assert [None if each is None else revealed(KEYS.pseudonym, each.removeprefix("p1:")) for each in made] == values
    assert made[0] == made[3] != made[4]
    assert {each[:3] for each in made if each is not None} == {"p1:"}
    assert len({len(each) for each in made[:5] if each is not None}) == 1  # short values do not show their length
    other = privacy_keys(SECRET, 1, "domain:sales", "sales/b1/1")
    assert revealed(other.pseudonym, made[0].removeprefix("p1:")) is None


def test_numbers_and_dates_are_pseudonymized_by_their_text(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    def texts(kind: str, value: Any) -> str | None:
        (made,) = became(cursor, tmp_path, kind, [value], PrivacyStrategy.PSEUDONYMIZE, {})
        return revealed(KEYS.pseudonym, made.removeprefix("p1:"))

    assert texts("int", -7) == "-7"
    assert texts("decimal(10,2)", Decimal("2.5")) == "2.50"
    assert texts("date", date(2024, 2, 29)) == "2024-02-29"
    assert texts("datetime", datetime(2024, 2, 29, tzinfo=UTC)) == "2024-02-29T00:00:00.000000Z"


@pytest.mark.parametrize("forged", ["", "p1", "AAAA", "é", "====", "A" * 43, "A" * 64])
def test_what_no_key_made_is_not_revealed(forged: str) -> None:
    assert revealed(KEYS.pseudonym, forged) is None


def test_a_hash_may_take_spellings_as_one(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    spellings = ["Zoë", " zoë\t", "ZOE\u0308", "zoe"]
    plain = became(cursor, tmp_path, "string", spellings, PrivacyStrategy.HASH, {})
    alike = became(cursor, tmp_path, "string", spellings, PrivacyStrategy.HASH, {"normalize": True})
    assert len(set(plain)) == 4
    assert alike[0] == alike[1] == alike[2] != alike[3]
    assert alike[3] == plain[3]  # a text in normal form joins with files hashed as they stood


def test_noise_has_the_stated_scale_and_no_bias(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    values = [1000.0] * 20_000
    made = became(cursor, tmp_path, "float", values, PrivacyStrategy.NOISE, {"scale": 3})
    offsets = [after - 1000 for after in made]
    assert 2.85 < sum(map(abs, offsets)) / len(offsets) < 3.15  # the mean distance of Laplace noise is its scale
    assert 1.95 < median(map(abs, offsets)) < 2.21  # and half of it is nearer than scale * ln 2 = 2.08
    assert abs(sum(offsets) / len(offsets)) < 0.15
    assert len(set(made)) > 19_990


def test_relative_noise_grows_with_the_value_and_leaves_zero(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    values = [0.0] + [float(10**exponent) for exponent in range(1, 9)] * 500
    made = became(cursor, tmp_path, "float", values, PrivacyStrategy.NOISE, {"scale": 0.1, "relative": True})
    assert made[0] == 0.0
    for exponent in range(1, 9):
        share = [abs(after / before - 1) for before, after in zip(values, made, strict=True) if before == 10**exponent]
        assert 0.08 < sum(share) / len(share) < 0.12


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("int", [SMALLEST, LARGEST, 0, 1, None]),
        ("float", [1.797e308, -1.797e308, 0.0, None]),
        ("decimal(3,1)", [Decimal("99.9"), Decimal("-99.9"), Decimal(0), None]),
        ("decimal", [Decimal("99999999999999999999999999999.999999999"), Decimal("-1"), None]),
    ],
)
@pytest.mark.parametrize("relative", [False, True])
def test_noise_never_leaves_the_type(
    cursor: duckdb.DuckDBPyConnection, tmp_path: Path, kind: str, values: list[Any], relative: bool
) -> None:
    many = values * 200
    made = became(cursor, tmp_path, kind, many, PrivacyStrategy.NOISE, {"scale": 10**15, "relative": relative})
    assert [after is None for after in made] == [before is None for before in many]
    assert len(set(made)) > 3


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 2**64 - 1), st.booleans())
@example(3.3706746278668413e307, 0, True)
@pytest.mark.parametrize("kind", ["int", "float", "decimal(3,1)", "decimal(15,2)", "decimal"])
def test_an_offset_keeps_every_value_within_its_type(kind: str, value: float, row: int, relative: bool) -> None:
    limit = largest(parse_type(kind))
    within = max(-limit, min(limit, value))
    offsets = offset_column(Noise(scale=1e15, relative=relative), parse_type(kind), bytes(32))
    (offset,) = offsets(pa.array([within], pa.float64()), pa.array([row], pa.uint64())).to_pylist()
    assert abs(within + offset) <= limit * (1 + 2**-52) < float("inf")


def test_noise_is_of_the_row_and_the_run(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    def made(run: str) -> list[Any]:
        return became(cursor, tmp_path, "int", [1000] * 5000, PrivacyStrategy.NOISE, {"scale": 50}, run)

    first = made("sales/b1/1")
    assert made("sales/b1/1") == first
    assert made("sales/b1/2") != first
    assert KEYS.noise_of("amount") != KEYS.noise_of("price")


def test_noise_knows_no_row_groups(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    field = Field(name="amount", type="decimal(10,2)")
    rule = PrivacyRule(column="amount", strategy=PrivacyStrategy.NOISE, params={"scale": 5})
    written = []
    for size in (2_048, 3_001, 10_000):
        rows = [{"amount": Decimal(place)} for place in range(10_000)]
        bronze = write_batch(tmp_path / "bronze.parquet", [field], rows, row_group=size)
        anonymize(cursor, bronze, tmp_path / "silver.parquet", [field], [rule], KEYS)
        written.append(read_batch(tmp_path / "silver.parquet"))
    assert written[0] == written[1] == written[2]

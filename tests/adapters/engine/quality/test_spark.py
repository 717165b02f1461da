from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import ibis
import pytest
import sqlglot
from ibis.config import Config

from server.adapters.engine.batch_table import batch_table
from server.adapters.engine.quality.check import counts, validate
from server.adapters.engine.quality.context import RuleContext
from server.adapters.engine.quality.expressions import prepared
from server.adapters.engine.quality.rules import ready
from server.adapters.engine.quality.samples import sampled
from server.adapters.engine.quality.tables import CheckTables
from server.adapters.engine.source import Source
from server.kernel.fields import Field
from server.kernel.quality import QualityRule
from server.kernel.quality_checks import (
    Aggregate,
    Check,
    Condition,
    Format,
    Formatted,
    Measure,
    PlainCheck,
    When,
    plain,
)

FIELDS = (
    Field(name="name", type="string"),
    Field(name="count", type="int"),
    Field(name="score", type="float"),
    Field(name="amount", type="decimal(10,2)"),
    Field(name="active", type="boolean"),
    Field(name="born", type="date"),
    Field(name="seen", type="datetime"),
)
ONE_OF_EACH = [
    ("name", "= 'it''s'"),
    ("count", "> -5"),
    ("score", "between 0.1 and 1e3"),
    ("amount", "in (1.50, 2)"),
    ("active", "!= 'true'"),
    ("born", "not in ('2024-01-31')"),
    ("name", "not null"),
    ("name", "matches '^[A-Z]{3}$'"),
    ("name", "length <= 3"),
    ("seen", "before '2024-01-31T12:00:00.5Z'"),
    ("born", "after '2024-01-31'"),
    ("name", "is email"),
    ("name", "is uuid"),
    ("name", "is ip"),
    ("name", "is iban"),
    ("name", "is credit_card"),
    ("name", "unique"),
    (None, "unique with (name, count)"),
    ("count", "unique in dataset"),
    ("count", "in dataset users.user_id"),
    ("name", "distinct_count > 1"),
    ("name", "null_fraction <= 0.1"),
    ("count", "mean > 0"),
    ("score", "min > 0"),
    ("seen", "max > '2024-01-01'"),
    ("amount", "sum > 0"),
    ("seen", "freshness <= 24 h"),
    (None, "row_count > 0"),
    ("name", "unique when active = 'true'"),
    ("name", "unique in dataset when count between 1 and 2"),
    ("name", "is iban when born in ('2024-01-31')"),
    ("count", "sum > 0 when name not in ('a')"),
    ("count", "in dataset users.user_id when seen is null"),
    (None, "row_count > 0 when score is not null"),
]


class _SparkOptions(Config):
    """The option that Ibis registers only once Spark itself is installed."""

    treat_nan_as_null: bool = False


@pytest.fixture(autouse=True)
def _spark_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ibis.options, "pyspark", _SparkOptions())


def checks() -> list[Check]:
    return [validate(QualityRule(column=column, check=text), FIELDS) for column, text in ONE_OF_EACH]


def test_no_check_of_the_grammar_is_left_out_here() -> None:
    alone = [plain(check) for check in checks()]
    assert {type(check) for check in alone} == set(get_args(PlainCheck))
    assert {check.format for check in alone if isinstance(check, Formatted)} == set(Format)
    assert {check.measure for check in alone if isinstance(check, Aggregate)} == set(Measure)
    conditions = {type(check.condition) for check in checks() if isinstance(check, When)}
    assert conditions == set(get_args(Condition))


@pytest.mark.parametrize(("column", "text"), ONE_OF_EACH)
def test_every_check_compiles_for_spark_too(column: str | None, text: str) -> None:
    rule = ready(QualityRule(column=column, check=text), FIELDS)
    files = [
        Source(path=Path("b2.parquet"), fields=FIELDS),
        Source(path=Path("b3.parquet"), fields=(Field(name="user_id", type="decimal"),), batches=("b3",)),
    ]
    context = RuleContext(
        now=datetime(2024, 2, 1, tzinfo=UTC), batch="b1", dataset_sources=files, references={"users": files}
    )
    tables = CheckTables(Path("b1.parquet"), FIELDS, [rule], context)
    expressions = [prepared(batch_table(FIELDS), [rule]), counts(tables, [rule])]
    sample = sampled(tables, rule, 5, {"name"})
    expressions += [] if sample is None else [sample]
    for expression in expressions:
        compiled = ibis.to_sql(expression, dialect="pyspark")
        assert sqlglot.parse_one(compiled, read="spark").sql("spark")


def test_literals_and_patterns_are_written_as_spark_reads_them() -> None:
    rules = [ready(QualityRule(column=column, check=text), FIELDS) for column, text in ONE_OF_EACH[:12]]
    tables = CheckTables(
        Path("b1.parquet"), FIELDS, rules, RuleContext(now=datetime(2024, 2, 1, tzinfo=UTC), batch="b1")
    )
    compiled = ibis.to_sql(counts(tables, rules), dialect="pyspark")
    for piece in (
        "`name` = 'it\\'s'",
        "RLIKE '^[A-Z]{3}$'",
        "CAST('0.1' AS DOUBLE)",
        "CAST('1.50' AS DECIMAL(10, 2))",
        "\\\\z'",
    ):
        assert piece in compiled

"""Previews: exact counts, samples of rows that change, warnings without values, k-anonymity by a plain count."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.adapters.engine.privacy.groups import k_anonymity, quasi_identifiers
from server.adapters.engine.privacy.keys import MESH, privacy_keys
from server.adapters.engine.privacy.preview import Preview, preview
from server.kernel.errors import BadUserInput
from server.kernel.fields import Field
from server.kernel.privacy import PrivacyRule, PrivacyStrategy
from tests.adapters.engine.batches import sandboxed, write_batch

KEYS = privacy_keys(bytes(32), 1, MESH, "preview")
FIELDS = (
    Field(name="key", type="int", primary_key=True, nullable=False),
    Field(name="email", type="string", pii=True),
    Field(name="sex", type="string", pii=True),
    Field(name="born", type="date", pii=True),
    Field(name="amount", type="decimal(10,2)"),
)
ROWS: list[dict[str, Any]] = [
    {
        "key": place,
        "email": f"someone{place}@a-long-domain.example.com",
        "sex": "fm"[place % 2],
        "born": date(1990 + place // 6, 1 + place % 3, 1),
        "amount": Decimal(place),
    }
    for place in range(12)
]


@pytest.fixture(name="cursor")
def _cursor(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    session = sandboxed(tmp_path)
    yield session.cursor()
    session.close()


def rule(column: str, strategy: PrivacyStrategy, **params: Any) -> PrivacyRule:
    return PrivacyRule(column=column, strategy=strategy, params=params)


def looked(
    cursor: duckdb.DuckDBPyConnection,
    folder: Path,
    *rules: PrivacyRule,
    rows: Sequence[dict[str, Any]] = ROWS,
    samples: int = 2,
) -> Preview:
    bronze = write_batch(folder / "bronze.parquet", FIELDS, rows)
    found = preview(cursor, bronze, folder / "silver.parquet", FIELDS, rules, KEYS, samples)
    assert [path.name for path in folder.iterdir()] == ["bronze.parquet"]
    return found


def test_rules_that_hide_enough_raise_no_warning(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    found = looked(
        cursor,
        tmp_path,
        rule("email", PrivacyStrategy.PSEUDONYMIZE),
        rule("sex", PrivacyStrategy.REDACT),
        rule("born", PrivacyStrategy.GENERALIZE, to="year"),
    )
    assert found.warnings == ()
    assert (found.rows, found.changed_rows, found.columns) == (12, 12, ("email", "sex", "born"))
    assert (found.quasi_identifiers, found.k_anonymity) == (("born",), 6)
    before, after = found.before[1], found.after[1]
    assert before == {
        "_id": "b1-000000000001",
        "key": 1,
        "email": "someone1@a-long-domain.example.com",
        "sex": "m",
        "born": "1990-02-01",
        "amount": "1.00",
    }
    assert after == before | {"sex": None, "born": "1990-01-01", "email": after["email"]}
    assert str(after["email"]).startswith("p1:")


def test_each_weakness_has_its_warning(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    rows = [*ROWS, {"key": 12, "email": "****", "sex": None, "born": None, "amount": None}]
    found = looked(
        cursor,
        tmp_path,
        rule("key", PrivacyStrategy.MASK),
        rule("email", PrivacyStrategy.MASK),
        rule("sex", PrivacyStrategy.HASH),
        rule("amount", PrivacyStrategy.GENERALIZE, step=0.01),
        rows=rows,
    )
    assert found.warnings == (
        "column 'key' is in the primary key, and MASK makes different values the same; HASH and PSEUDONYMIZE keep them"
        " apart",
        "column 'born' is marked pii and has no rule: publishData refuses it as it stands; give it a rule, or KEEP in"
        " the contract",
        "MASK leaves 1 of the 13 values of column 'email' as they are",
        "GENERALIZE changes none of the 12 values of column 'amount': anonymizeData refuses it; say KEEP, REDACT or"
        " DROP instead",
        "MASK leaves more than half of the characters of 12 values of column 'email' readable, such as the domains of"
        " e-mail addresses; HASH and REDACT show none",
        "HASH makes only 2 different tokens of the 12 values of column 'sex': who knows how often each value occurs can"
        " tell which is which",
        "one row stands alone with the same 'born', 'amount': groups should have at least 5 rows; make these columns"
        " coarser, or REDACT them",
    )


def test_kept_and_empty_columns_are_told(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"key": place, "email": None, "sex": "f"} for place in range(3)]
    kept = [rule("sex", PrivacyStrategy.KEEP), rule("email", PrivacyStrategy.HASH), rule("born", PrivacyStrategy.DROP)]
    found = looked(cursor, tmp_path, *kept, rows=rows)
    assert found.warnings == (
        "column 'sex' is marked pii and stays as it is",
        "column 'email' holds no value here, so HASH changes nothing",
        "column 'born' holds no value here, so DROP changes nothing",
        "3 rows stand alone with the same 'sex': groups should have at least 5 rows; make these columns coarser, or"
        " REDACT them",
    )
    assert (found.changed_rows, found.k_anonymity) == (0, 3)


def test_samples_show_rows_that_change_first(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    rows = [{"key": place, "email": "****" if place < 8 else "secret"} for place in range(10)]
    found = looked(cursor, tmp_path, rule("email", PrivacyStrategy.MASK), rows=rows, samples=3)
    assert [row["key"] for row in found.before] == [row["key"] for row in found.after] == [0, 8, 9]
    assert [row["email"] for row in found.after] == ["****", "******", "******"]
    assert looked(cursor, tmp_path, rule("email", PrivacyStrategy.MASK), rows=rows, samples=0).before == ()


def test_an_empty_batch_has_no_groups(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    found = looked(cursor, tmp_path, rule("born", PrivacyStrategy.GENERALIZE, to="year"), rows=[])
    assert (found.rows, found.changed_rows, found.before, found.k_anonymity) == (0, 0, (), None)


def test_a_refused_preview_leaves_nothing(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    with pytest.raises(BadUserInput, match="did you mean 'email'"):
        looked(cursor, tmp_path, rule("mail", PrivacyStrategy.MASK))
    assert [path.name for path in tmp_path.iterdir()] == ["bronze.parquet"]


def test_quasi_identifiers_are_what_stays_open_to_matching() -> None:
    assert quasi_identifiers(FIELDS, []) == ("email", "sex", "born")
    rules = [
        rule("email", PrivacyStrategy.MASK),
        rule("sex", PrivacyStrategy.KEEP),
        rule("born", PrivacyStrategy.DROP),
        rule("amount", PrivacyStrategy.GENERALIZE, step=10),
    ]
    assert quasi_identifiers(FIELDS, rules) == ("sex", "amount")


CELLS = st.tuples(st.sampled_from(["a", "b", "size", None]), st.sampled_from([1, 12, 25, None]))


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CELLS, max_size=25))
def test_k_anonymity_is_the_smallest_count(
    cursor: duckdb.DuckDBPyConnection, tmp_path: Path, cells: list[tuple[str | None, int | None]]
) -> None:
    fields = [Field(name="size", type="string", pii=True), Field(name="age", type="int")]
    coarse = [rule("age", PrivacyStrategy.GENERALIZE, bands=[10, 20])]
    bands = {1: "<10", 12: "10-19", 25: "20+", None: None}
    silver = [Field(name="size", type="string"), Field(name="age", type="string")]
    groups = [(size, bands[age]) for size, age in cells]
    path = write_batch(tmp_path / "silver.parquet", silver, [{"size": size, "age": age} for size, age in groups])
    assert k_anonymity(cursor, path, fields, coarse) == (min(Counter(groups).values()) if groups else None)
    assert k_anonymity(cursor, path, silver, []) is None

import asyncio
import hashlib
import hmac
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from server.adapters.engine.batch_table import write_parquet
from server.adapters.engine.privacy.anonymize import AnonymizeOutcome, anonymize
from server.adapters.engine.privacy.columns import token_column
from server.adapters.engine.privacy.keys import MESH, PrivacyKeys, privacy_keys, pseudonymizer
from server.adapters.engine.privacy.proof import Changes, count_changes
from server.adapters.engine.session import Engine
from server.kernel.errors import BadUserInput, InvalidData
from server.kernel.fields import Field
from server.kernel.privacy import PrivacyRule, PrivacyStrategy, privacy_schema
from server.kernel.privacy_mask import masked
from tests.adapters.engine.batches import CREATED_AT, arrow_type, read_batch, sandboxed, write_batch

KEY = bytes(range(32))
KEYS = privacy_keys(KEY, 1, MESH, "sales/b1/1")
FIELDS = (
    Field(name="email", type="string", pii=True),
    Field(name="card", type="int", pii=True),
    Field(name="amount", type="decimal(10,2)"),
    Field(name="note", type="string"),
)
ROWS: list[dict[str, Any]] = [
    {"email": "jane@example.com", "card": 4111111111111234, "amount": Decimal("2.50"), "note": "x"},
    {"email": None, "card": None, "amount": None, "note": None},
    {"email": "@x.com", "card": 12, "amount": Decimal("-1.00"), "note": ""},
]


@pytest.fixture(name="cursor")
def _cursor(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    session = sandboxed(tmp_path)
    yield session.cursor()
    session.close()


def rule(column: str, strategy: PrivacyStrategy, **params: Any) -> PrivacyRule:
    return PrivacyRule(column=column, strategy=strategy, params=params)


def token(text: str) -> str:
    return "h1:" + hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()


def silver(
    cursor: duckdb.DuckDBPyConnection, folder: Path, rows: list[dict[str, Any]], *rules: PrivacyRule
) -> tuple[AnonymizeOutcome, list[dict[str, Any]]]:
    bronze = write_batch(folder / "bronze.parquet", FIELDS, rows)
    outcome = anonymize(cursor, bronze, folder / "silver.parquet", FIELDS, rules, KEYS)
    return outcome, read_batch(folder / "silver.parquet")


def test_each_strategy_does_what_it_says(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    outcome, rows = silver(
        cursor,
        tmp_path,
        ROWS,
        rule("email", PrivacyStrategy.MASK),
        rule("card", PrivacyStrategy.HASH),
        rule("amount", PrivacyStrategy.REDACT),
        rule("note", PrivacyStrategy.DROP),
    )
    assert outcome == AnonymizeOutcome(
        rows=3, changed_rows=2, columns=("email", "card", "amount", "note"), k_anonymity=None
    )
    system = {"_batch_id": "b1", "_created_at": CREATED_AT, "amount": None}
    assert rows == [
        {"_id": "b1-000000000000", "email": "j***@example.com", "card": token("4111111111111234")} | system,
        {"_id": "b1-000000000001", "email": None, "card": None} | system,
        {"_id": "b1-000000000002", "email": "@*.***", "card": token("12")} | system,
    ]


def test_silver_has_the_types_that_the_schema_says(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    rules = [
        rule("card", PrivacyStrategy.MASK),
        rule("email", PrivacyStrategy.DROP),
        rule("amount", PrivacyStrategy.REDACT),
        rule("note", PrivacyStrategy.KEEP),
    ]
    silver(cursor, tmp_path, ROWS, *rules)
    schema = pq.read_schema(tmp_path / "silver.parquet")
    assert {name: schema.field(name).type for name in schema.names} == {
        "_id": pa.string(),
        "_batch_id": pa.string(),
        "_created_at": pa.timestamp("us", tz="UTC"),
    } | {field.name: arrow_type(field.data_type) for field in privacy_schema(FIELDS, rules)}


def test_kept_columns_stay_and_are_not_counted(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    outcome, rows = silver(cursor, tmp_path, ROWS, rule("card", PrivacyStrategy.KEEP))
    assert outcome == AnonymizeOutcome(rows=3, changed_rows=0, columns=(), k_anonymity=1)
    assert rows == read_batch(tmp_path / "bronze.parquet")


def test_only_rows_that_really_differ_are_counted(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"email": "****", "note": "a"},
        {"email": "secret", "note": None},
        {"email": "", "note": None},
    ]
    masks = rule("email", PrivacyStrategy.MASK), rule("note", PrivacyStrategy.MASK)
    outcome, written = silver(cursor, tmp_path, rows, *masks)
    assert outcome == AnonymizeOutcome(rows=3, changed_rows=2, columns=("email", "note"), k_anonymity=3)
    assert [(row["email"], row["note"]) for row in written] == [("****", "*"), ("******", None), ("", None)]


def test_refuses_a_rule_that_met_values_and_changed_none(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"email": "****", "card": 1},
        {"email": "j***@example.com", "card": 2},
        {"email": None},
    ]
    with pytest.raises(InvalidData) as refused:
        silver(cursor, tmp_path, rows, rule("card", PrivacyStrategy.HASH), rule("email", PrivacyStrategy.MASK))
    assert refused.value.message == (
        "MASK met values in column 'email' and changed none of them: they are masked already or hold nothing to hide;"
        " say KEEP, REDACT or DROP for it instead"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["bronze.parquet"]


def test_an_engine_that_does_nothing_fails_the_run(
    cursor: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.adapters.engine.privacy.anonymize.mask_column", lambda _: lambda texts: texts)
    with pytest.raises(InvalidData, match="MASK met values in column 'email' and changed none of them"):
        silver(cursor, tmp_path, ROWS, rule("email", PrivacyStrategy.MASK))
    assert not (tmp_path / "silver.parquet").exists()


def test_rows_that_moved_or_went_missing_are_counted(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    bronze = write_batch(tmp_path / "bronze.parquet", FIELDS, ROWS)
    table = pq.read_table(bronze)
    pq.write_table(table.take([1, 0, 2]), tmp_path / "moved.parquet")
    pq.write_table(table.slice(0, 2), tmp_path / "short.parquet")
    ruled = [(FIELDS[0], rule("email", PrivacyStrategy.MASK))]
    assert count_changes(cursor, bronze, tmp_path / "moved.parquet", ruled) == Changes(
        rows=3, displaced=2, changed_rows=2, met=(2,), changed=(2,)
    )
    assert count_changes(cursor, bronze, tmp_path / "short.parquet", ruled) == Changes(
        rows=3, displaced=1, changed_rows=1, met=(2,), changed=(1,)
    )


def test_silver_without_every_row_is_a_fault(
    cursor: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(cursor: duckdb.DuckDBPyConnection, source: Path, target: Path, expression: Any) -> int:
        return write_parquet(cursor, source, target, expression.limit(2))

    monkeypatch.setattr("server.adapters.engine.privacy.anonymize.write_parquet", short)
    with pytest.raises(RuntimeError, match="silver holds 2 rows, of which 1 are not where bronze has them"):
        silver(cursor, tmp_path, ROWS, rule("email", PrivacyStrategy.MASK))
    assert not (tmp_path / "silver.parquet").exists()


@pytest.mark.parametrize(
    "strategy", [each for each in PrivacyStrategy if each not in (PrivacyStrategy.DROP, PrivacyStrategy.NOISE)]
)
@pytest.mark.parametrize("values", [[], [None, None], [None, ""]])
def test_columns_without_values_are_no_failure(
    cursor: duckdb.DuckDBPyConnection, tmp_path: Path, strategy: PrivacyStrategy, values: list[str | None]
) -> None:
    params = {"prefix": 2} if strategy is PrivacyStrategy.GENERALIZE else {}
    outcome, rows = silver(cursor, tmp_path, [{"email": value} for value in values], rule("email", strategy, **params))
    pseudonym = "p1:" + pseudonymizer(KEYS.pseudonym)("")
    became = {PrivacyStrategy.HASH: token(""), PrivacyStrategy.PSEUDONYMIZE: pseudonym, PrivacyStrategy.REDACT: None}
    hides_empty, empty = strategy in became, became.get(strategy, "")
    assert [row["email"] for row in rows] == [None if value is None else empty for value in values]
    assert (outcome.rows, outcome.changed_rows) == (len(values), values.count("") if hides_empty else 0)


def test_refuses_rules_that_do_not_fit_before_it_writes(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    with pytest.raises(BadUserInput, match="did you mean 'email'"):
        silver(cursor, tmp_path, ROWS, rule("mail", PrivacyStrategy.MASK))
    assert not (tmp_path / "silver.parquet").exists()


def test_refuses_a_key_of_another_size() -> None:
    with pytest.raises(ValueError, match="32 bytes, not 31"):
        token_column(KEY[:31], 1)


def test_leaves_no_function_behind(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    silver(cursor, tmp_path, ROWS, rule("email", PrivacyStrategy.MASK), rule("card", PrivacyStrategy.HASH))
    left = cursor.execute("select function_name from duckdb_functions() where function_name like 'column_%'").fetchall()
    assert [name for (name,) in left if len(name) == len("column_") + 32] == []


def test_values_are_hashed_by_their_canonical_text(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    texts: dict[str, tuple[Any, str]] = {
        "string": (" Ä ", " Ä "),
        "int": (-7, "-7"),
        "float": (0.1, "0.1"),
        "decimal(10,2)": (Decimal("2.5"), "2.50"),
        "boolean": (True, "true"),
        "date": (date(2024, 2, 29), "2024-02-29"),
        "datetime": (datetime(2024, 2, 29, 23, 5, tzinfo=UTC), "2024-02-29T23:05:00.000000Z"),
        "json": ('{"a": 1}', '{"a": 1}'),
    }
    fields = tuple(Field(name=f"a {kind}", type=kind) for kind in texts)
    bronze = write_batch(
        tmp_path / "bronze.parquet", fields, [{f"a {kind}": value for kind, (value, _) in texts.items()}]
    )
    rules = [rule(field.name, PrivacyStrategy.HASH) for field in fields]
    anonymize(cursor, bronze, tmp_path / "silver.parquet", fields, rules, KEYS)
    (row,) = read_batch(tmp_path / "silver.parquet")
    assert {kind: row[f"a {kind}"] for kind in texts} == {kind: token(text) for kind, (_, text) in texts.items()}


def test_rows_keep_their_order_whatever_the_row_groups(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"email": f"user{place % 977}@example.com", "card": place} for place in range(20_000)]
    written = []
    for size in (2_048, 3_001, 20_000):
        bronze = write_batch(tmp_path / "bronze.parquet", FIELDS, rows, row_group=size)
        rules = [rule("email", PrivacyStrategy.HASH), rule("card", PrivacyStrategy.MASK, keepLast=1)]
        outcome = anonymize(cursor, bronze, tmp_path / "silver.parquet", FIELDS, rules, KEYS)
        assert outcome.changed_rows == 20_000
        written.append(read_batch(tmp_path / "silver.parquet"))
    assert written[0] == written[1] == written[2]
    assert [row["_id"] for row in written[0]] == [f"b1-{place:012}" for place in range(20_000)]
    assert [row["email"] for row in written[0]] == [token(row["email"]) for row in rows]
    assert [row["card"] for row in written[0]] == [masked(str(row["card"]), 1) for row in rows]


async def test_two_batches_at_once_in_the_engine(tmp_path: Path) -> None:
    bronze = write_batch(tmp_path / "bronze.parquet", FIELDS, ROWS)
    rules = [rule("email", PrivacyStrategy.MASK), rule("card", PrivacyStrategy.HASH)]
    with Engine([tmp_path], "256MB", 2, tmp_path / "spill") as engine:

        async def run(target: Path) -> AnonymizeOutcome:
            return await engine.run(lambda cursor: anonymize(cursor, bronze, target, FIELDS, rules, KEYS), heavy=True)

        targets = [tmp_path / f"{name}.parquet" for name in "ab"]
        outcomes = [await task for task in [asyncio.create_task(run(target)) for target in targets]]
    assert outcomes == [AnonymizeOutcome(rows=3, changed_rows=2, columns=("email", "card"), k_anonymity=None)] * 2
    assert read_batch(targets[0]) == read_batch(targets[1])


def test_the_key_stands_in_no_statement(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    sent: list[str] = []

    class Overheard:
        def execute(self, sql: str, parameters: Any = None) -> duckdb.DuckDBPyConnection:
            sent.append(f"{sql} {parameters}")
            return cursor.execute(sql, parameters)

        def __getattr__(self, name: str) -> Any:
            return getattr(cursor, name)

    bronze = write_batch(tmp_path / "bronze.parquet", FIELDS, ROWS)
    keys = PrivacyKeys(version=1, token=b"k" * 32, pseudonym=b"l" * 64, noise=b"m" * 32)
    rules = [
        rule("card", PrivacyStrategy.HASH),
        rule("email", PrivacyStrategy.PSEUDONYMIZE),
        rule("amount", PrivacyStrategy.NOISE, scale=1),
    ]
    anonymize(Overheard(), bronze, tmp_path / "silver.parquet", FIELDS, rules, keys)  # type: ignore[arg-type]
    assert len(sent) == 2
    secrets = [key for each in "klm" for key in (each * 3, each.encode().hex() * 4)]
    assert not any(secret in each for each in sent for secret in secrets)

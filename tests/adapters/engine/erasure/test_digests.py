"""Subjects known again by digests: what the engine computes is what the key ring computes."""

import hashlib
import hmac
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.adapters.engine.erasure.digests import rows_with_digests
from server.kernel.fields import Field
from server.kernel.subject import normalised

KEY = bytes(range(32))
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(str.strip)


def digest(text: str) -> str:
    return hmac.digest(KEY, normalised(text).encode(), hashlib.sha256).hex()


def written(path: Path, rows: list[tuple[str | None, int | None]]) -> Path:
    with duckdb.connect() as connection:
        connection.execute("create table t (name varchar, number bigint)")
        if rows:
            connection.executemany("insert into t values (?, ?)", rows)
        connection.execute(f"copy t to '{path}' (format parquet)")
    return path


FIELDS = (Field(name="name", type="string"), Field(name="number", type="int"))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TEXT, max_size=6), TEXT)
def test_counts_the_rows_of_a_subject_as_it_is_digested(tmp_path: Path, others: list[str], subject: str) -> None:
    same = [one for one in others if normalised(one) == normalised(subject)]
    rows: list[tuple[str | None, int | None]] = [(one, 1) for one in [*others, subject, f" {subject} "]]
    file = written(tmp_path / "f.parquet", [*rows, (None, None)])
    with duckdb.connect() as connection:
        found = rows_with_digests(connection, file, FIELDS, KEY, [digest(subject), "0" * 64])
    assert found == {digest(subject): len(same) + 2}


@pytest.mark.parametrize(
    ("subject", "rows", "count"),
    [
        ("1042", [("x", 1042), ("1042", 1042), ("y", 10420)], 2),
        ("ann@x.org", [("Ann@X.org", 1), ("ann@x.org", 2), ("ANN", 3)], 2),
        ("Ann", [("ann", 1), ("ANN", 2)], 0),
        ("u\u0308nal", [("\u00fcnal", 1), ("u\u0308nal", 2)], 2),
    ],
)
def test_knows_numbers_addresses_and_composed_letters(
    tmp_path: Path, subject: str, rows: list[tuple[str | None, int | None]], count: int
) -> None:
    file = written(tmp_path / "f.parquet", rows)
    with duckdb.connect() as connection:
        found = rows_with_digests(connection, file, FIELDS, KEY, [digest(subject)])
    assert found == ({digest(subject): count} if count else {})

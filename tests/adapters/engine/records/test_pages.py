"""Pages and counts against plain Python: every filter, every order, every page length."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.adapters.engine.records import pages as records
from server.adapters.engine.records.pages import Rows, count_rows, known_count, read_page
from server.adapters.engine.source import Source, SourceGone
from server.kernel.errors import LimitExceeded
from server.kernel.fields import Field
from server.kernel.filter_values import json_of
from server.kernel.filters import LISTS, NULLS, PATTERNS, AllOf, Asked, FilterOp, read_filters
from server.kernel.row_schema import Order, read_order, read_projection
from tests.adapters.engine.batches import CREATED_AT, arrow_type, sandboxed
from tests.adapters.engine.records.row_model import Row, as_json, holds, sorted_rows

HOSTILE, SCRIPT, SIGNS = 'a" or 1=1 --', "日本 語", "year's {} %"
FIELDS = (
    Field(name="n", type="int"),
    Field(name=HOSTILE, type="string"),
    Field(name=SCRIPT, type="decimal(10,2)"),
    Field(name=SIGNS, type="date"),
    Field(name="at", type="datetime"),
    Field(name="ok", type="boolean"),
    Field(name="ratio", type="float"),
)
TEXTS = st.text(alphabet="ab'%_\\\"; é😀\n", max_size=4)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "n": st.integers(-2, 2) | st.sampled_from([2**63 - 1, -(2**63)]),
    HOSTILE: TEXTS,
    SCRIPT: st.decimals(-2, 2, places=2) | st.just(Decimal("99999999.99")),
    SIGNS: st.dates(date(2024, 2, 28), date(2024, 3, 1)),
    "at": st.builds(
        lambda n: datetime(2024, 3, 31, 1, tzinfo=UTC) + timedelta(microseconds=n), st.sampled_from([0, 1, 10**6])
    ),
    "ok": st.booleans(),
    "ratio": st.sampled_from([0.1, -0.0, 1e300, 5e-324, 0.30000000000000004, 1 / 3]),
}
IDS = st.sampled_from(["b1", "b2", "b1-000000000001", "b2-000000000000", "nothing"])


@st.composite
def comparisons(draw: st.DrawFn) -> Asked:
    name = draw(st.sampled_from([*VALUES, "_id", "_batch_id"]))
    values = VALUES.get(name, IDS)
    is_text = name in (HOSTILE, "_id", "_batch_id")
    op = draw(st.sampled_from([one for one in FilterOp if is_text or one not in PATTERNS]))
    if op in NULLS:
        return Asked(field=name, op=op)
    if op in LISTS:
        return Asked(field=name, op=op, value=[json_of(one) for one in draw(st.lists(values, max_size=3))])
    value = draw(values)
    if op in PATTERNS and (len(value) - len(value.rstrip("\\"))) % 2:
        value += "\\"
    return Asked(field=name, op=op, value=json_of(value))


conditions = st.recursive(
    comparisons(),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda all_of: Asked(all_of=tuple(all_of))),
        st.lists(inner, max_size=3).map(lambda any_of: Asked(any_of=tuple(any_of))),
        inner.map(lambda negated: Asked(negated=negated)),
    ),
    max_leaves=5,
)
batches = st.lists(
    st.lists(st.fixed_dictionaries({name: st.none() | values for name, values in VALUES.items()}), max_size=8),
    min_size=1,
    max_size=3,
)
orders = st.lists(
    st.tuples(st.sampled_from([*VALUES, "_id", "_batch_id", "_created_at"]), st.booleans()),
    max_size=3,
    unique_by=lambda one: one[0],
)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lake")


@pytest.fixture(scope="module")
def cursor(lake: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with sandboxed(lake) as session:
        yield session


def stored(lake: Path, batch: str, rows: list[Row], fields: tuple[Field, ...] = FIELDS) -> tuple[Source, list[Row]]:
    """A batch's file, and its rows with their system columns."""
    whole = [
        {"_id": f"{batch}-{place:012}", "_batch_id": batch, "_created_at": CREATED_AT, **row}
        for place, row in enumerate(rows)
    ]
    types = {"_id": pa.string(), "_batch_id": pa.string(), "_created_at": pa.timestamp("us", tz="UTC")}
    types |= {field.name: arrow_type(field.data_type) for field in fields}
    path = lake / f"{batch}.parquet"
    path.unlink(missing_ok=True)
    columns = {name: pa.array([row.get(name) for row in whole], kind) for name, kind in types.items()}
    pq.write_table(pa.table(columns), path)
    return Source(path=path, fields=fields, rows=len(rows), holds=(batch,)), whole


def exact(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


def paged(cursor: duckdb.DuckDBPyConnection, rows: Rows, order: tuple[Order, ...], first: int) -> list[Any]:
    """Every page from the first to the last, each of them but the last full."""
    shown, found, after = read_projection(None, rows.fields), [], None
    while True:
        page = read_page(cursor, rows, shown, order, first, after)
        found += [exact(text) for text in page.texts]
        if not page.has_next:
            return found
        assert len(page.texts) == first
        after = page.last


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    given_rows=batches,
    where=st.none() | conditions,
    filters=st.lists(comparisons(), max_size=2),
    asked=orders,
    first=st.integers(1, 5),
)
def test_pages_hold_the_rows_that_match_in_their_order_each_once(
    cursor: duckdb.DuckDBPyConnection,
    lake: Path,
    given_rows: list[list[Row]],
    where: Asked | None,
    filters: list[Asked],
    asked: list[tuple[str, bool]],
    first: int,
) -> None:
    written = [stored(lake, f"b{place}", rows) for place, rows in enumerate(given_rows)]
    condition, order = read_filters(filters, where, FIELDS), read_order(asked, FIELDS)
    rows = Rows(sources=tuple(source for source, _ in written), fields=FIELDS, condition=condition)
    matching = [row for _, found in written for row in found if holds(condition, row)]
    expected = [as_json(row, read_projection(None, FIELDS)) for row in sorted_rows(matching, order)]
    assert paged(cursor, rows, order, first) == expected
    assert count_rows(cursor, rows) == len(expected)


ROW = {
    "n": 2**63 - 1,
    HOSTILE: 'x"\\\x01\n\u2028é😀',
    SCRIPT: Decimal("2.50"),
    SIGNS: date(1, 1, 2),
    "at": datetime(1, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
    "ok": False,
    "ratio": 0.1,
}


def one_page(cursor: duckdb.DuckDBPyConnection, source: Source, fields: tuple[Field, ...]) -> list[str]:
    rows = Rows(sources=(source,), fields=fields, condition=AllOf(conditions=()))
    page = read_page(cursor, rows, read_projection(None, fields), read_order((), fields), 10, None)
    return list(page.texts)


def test_writes_numbers_with_all_their_digits_and_times_in_utc(cursor: duckdb.DuckDBPyConnection, lake: Path) -> None:
    source, _ = stored(lake, "b", [ROW])
    assert one_page(cursor, source, FIELDS) == [
        '{"_id":"b-000000000000","_batch_id":"b","_created_at":"2026-01-02T03:04:05.000000Z",'
        '"n":9223372036854775807,"a\\" or 1=1 --":"x\\"\\\\\\u0001\\n\u2028é😀","日本 語":2.50,'
        '"year\'s {} %":"0001-01-02","at":"0001-01-02T03:04:05.000006Z","ok":false,"ratio":0.1}'
    ]


def test_leaves_json_as_it_came_on_one_line(cursor: duckdb.DuckDBPyConnection, lake: Path) -> None:
    fields = (Field(name="j", type="json"),)
    given_json = ['{"a": 1.00000000000000000000000000001,\r\n "a": [1e2, null]}', '"x"', "null", None]
    source, _ = stored(lake, "b", [{"j": text} for text in given_json], fields)
    kept = [text.rpartition('"j":')[2][:-1] for text in one_page(cursor, source, fields)]
    assert kept == ['{"a": 1.00000000000000000000000000001,   "a": [1e2, null]}', '"x"', "null", "null"]


def test_a_page_is_refused_once_its_rows_are_too_much_to_hold(
    cursor: duckdb.DuckDBPyConnection, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, _ = stored(lake, "b", [ROW] * 200)
    rows = Rows(sources=(source,), fields=FIELDS, condition=AllOf(conditions=()))
    shown, order = read_projection(None, FIELDS), read_order([], FIELDS)
    length = sum(map(len, read_page(cursor, rows, shown, order, 199, None).texts)) + len(
        one_page(cursor, source, FIELDS)[0]
    )
    monkeypatch.setattr(records, "MAX_PAGE", length)
    assert len(read_page(cursor, rows, shown, order, 199, None).texts) == 199
    monkeypatch.setattr(records, "MAX_PAGE", length - 1)
    with pytest.raises(
        LimitExceeded, match=r"the first 200 rows of this page have over .* ask for fewer rows or fields"
    ):
        read_page(cursor, rows, shown, order, 199, None)
    assert len(read_page(cursor, rows, shown, order, 100, None).texts) == 100


def test_reads_a_file_only_if_the_ids_asked_for_can_stand_in_it(cursor: duckdb.DuckDBPyConnection, lake: Path) -> None:
    source, _ = stored(lake, "b1", [ROW, ROW])
    gone = Source(path=lake / "gone.parquet", fields=FIELDS, rows=1, holds=("b2",))
    for filters in (
        [Asked(field="_id", op=FilterOp.EQ, value="b1-000000000001")],
        [Asked(field="_batch_id", op=FilterOp.IN, value=["b1"]), Asked(field="n", op=FilterOp.GT, value=0)],
    ):
        rows = Rows(sources=(source, gone), fields=FIELDS, condition=read_filters(filters, None, FIELDS))
        assert count_rows(cursor, rows) == (1 if filters[0].field == "_id" else 2)
    anything = read_filters([Asked(field="n", op=FilterOp.GT, value=0)], None, FIELDS)
    with pytest.raises(SourceGone):
        count_rows(cursor, Rows(sources=(source, gone), fields=FIELDS, condition=anything))


def test_counts_without_a_filter_from_what_the_catalog_says(cursor: duckdb.DuckDBPyConnection, lake: Path) -> None:
    sources = tuple(Source(path=lake / "gone.parquet", fields=FIELDS, rows=rows) for rows in (3, 4))
    rows = Rows(sources=sources, fields=FIELDS, condition=AllOf(conditions=()))
    assert known_count(rows) == 7
    with pytest.raises(SourceGone):
        count_rows(cursor, rows)


def test_reads_of_a_shared_file_only_the_batches_that_count(cursor: duckdb.DuckDBPyConnection, lake: Path) -> None:
    one, first = stored(lake, "b1", [ROW])
    two, second = stored(lake, "b2", [ROW])
    shared = lake / "shared.parquet"
    pq.write_table(pa.concat_tables([pq.read_table(one.path), pq.read_table(two.path)]), shared)
    for batches_named, expected in ((("b2",), second), (("b1", "b2"), first + second), ((), [])):
        source = Source(path=shared, fields=FIELDS, batches=batches_named, holds=batches_named)
        rows = Rows(sources=(source,), fields=FIELDS, condition=AllOf(conditions=()))
        assert [row["_id"] for row in paged(cursor, rows, read_order((), FIELDS), 10)] == [
            row["_id"] for row in expected
        ]


def test_no_file_is_no_row(cursor: duckdb.DuckDBPyConnection) -> None:
    where = Asked(field=HOSTILE, op=FilterOp.LIKE, value="%")
    rows = Rows(sources=(), fields=FIELDS, condition=read_filters([], where, FIELDS))
    assert (paged(cursor, rows, read_order([("n", True)], FIELDS), 5), count_rows(cursor, rows)) == ([], 0)


def test_shows_the_named_fields_in_their_order_and_the_id(cursor: duckdb.DuckDBPyConnection, lake: Path) -> None:
    source, _ = stored(lake, "b", [ROW])
    rows = Rows(sources=(source,), fields=FIELDS, condition=AllOf(conditions=()))
    for named, keys in (
        (("ok", SCRIPT), ["_id", "ok", SCRIPT]),
        (("ok", "_id", "ok"), ["ok", "_id"]),
        ((), ["_id"]),
    ):
        page = read_page(cursor, rows, read_projection(named, FIELDS), read_order((), FIELDS), 1, None)
        assert list(exact(page.texts[0])) == keys

"""Parquet to bronze: which columns and values are taken, which rows set aside, which files refused."""

import io
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from server.kernel.errors import InvalidData
from server.kernel.fields import Field
from server.kernel.files import FileFormat
from tests.adapters.engine.ingest.landing import columns, land


def written(table: pa.Table | dict, **options: Any) -> bytes:
    target = io.BytesIO()
    parquet.write_table(pa.table(table), target, **options)
    return target.getvalue()


def typed(kind: str, values: pa.Array, **options: Any) -> list:
    """The value of each cell as text, or `...` where its row was set aside."""
    landed = land(written({"v": values}, **options), columns(v=kind))
    found: list = [...] * len(values)
    for identifier, row in zip(landed.ids, landed.rows, strict=True):
        found[int(identifier[-12:])] = None if row["v"] is None else str(row["v"])
    return found


def test_matches_columns_by_name_and_leaves_out_what_the_schema_has_no_more():
    table = {"was": [1, 2], "name": ["Ada", None], "id": pa.array([1, 2], pa.int32())}
    landed = land(written(table), columns(id="int!", name="string", extra="float"), ignored=frozenset({"was"}))

    assert landed.rows == [{"id": 1, "name": "Ada", "extra": None}, {"id": 2, "name": None, "extra": None}]
    assert landed.ids == ["b1-000000000000", "b1-000000000001"]
    assert (landed.ingested.format, landed.rejects, landed.heard) == (FileFormat.PARQUET, [], [2])


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("int", pa.array([-128, 127, None], pa.int8()), ["-128", "127", None]),
        ("int", pa.array([0, 2**63 - 1, 2**63], pa.uint64()), ["0", str(2**63 - 1), ...]),
        ("float", pa.array([0.5, float("nan"), float("inf"), None], pa.float32()), ["0.5", ..., ..., None]),
        ("float", pa.array([1, 2], pa.int64()), ["1.0", "2.0"]),
        (
            "decimal(5,2)",
            pa.array([Decimal("1.1000"), Decimal("1.0050"), None], pa.decimal128(9, 4)),
            ["1.10", ..., None],
        ),
        ("decimal(5,2)", pa.array([Decimal("999.9"), Decimal("1000.0")], pa.decimal128(5, 1)), ["999.90", ...]),
        ("decimal(3,0)", pa.array([Decimal("7.00"), Decimal("-7.01")], pa.decimal128(9, 2)), ["7", ...]),
        ("decimal(3,1)", pa.array([99, 100], pa.int64()), ["99.0", ...]),
        ("boolean", pa.array([True, None, False]), ["True", None, "False"]),
        ("string", pa.array(["", "a\0b", None]), ["", ..., None]),
        ("string", pa.array(["a", "b", "a"]).dictionary_encode(), ["a", "b", "a"]),
        ("string", pa.array(["x" * 262_145, "é" * 131_072]), [..., "é" * 131_072]),
        ("string", pa.array(["a"], pa.large_string()), ["a"]),
        ("string", pa.nulls(2), [None, None]),
        ("date", pa.array([date(2024, 2, 29), date.min, None]), ["2024-02-29", "0001-01-01", None]),
        (
            "date",
            pa.array([datetime(2024, 1, 2, tzinfo=UTC), datetime(2024, 1, 2, 3, tzinfo=UTC)], pa.timestamp("us")),
            ["2024-01-02", ...],
        ),
        ("date", pa.array(["2024-01-02", "2024-1-2", ""]), ["2024-01-02", ..., ...]),
        ("datetime", pa.array([1], pa.timestamp("ms")), ["1970-01-01 00:00:00.001000+00:00"]),
        ("datetime", pa.array([1_000, 1_001], pa.timestamp("ns")), ["1970-01-01 00:00:00.000001+00:00", ...]),
        ("datetime", pa.array([1_000, 1], pa.timestamp("ns", "Asia/Tokyo")), ["1970-01-01 00:00:00.000001+00:00", ...]),
        ("datetime", pa.array([0, 2**62], pa.timestamp("us", "UTC")), ["1970-01-01 00:00:00+00:00", ...]),
        ("datetime", pa.array(["2024-01-02T03:04:05+01:00", "now"]), ["2024-01-02 02:04:05+00:00", ...]),
        ("json", pa.array([{"a": [1, None], "b": "é"}, None]), ['{"a":[1,null],"b":"é"}', None]),
        ("json", pa.array([[1.5, float("nan")], [2.0]]), [..., "[2.0]"]),
        ("json", pa.array(['{"a": 1.50}', "{a}"]), ['{"a": 1.50}', ...]),
        ("json", pa.array([1, 2]), ["1", "2"]),
    ],
)
def test_takes_a_value_exactly_or_not_at_all(kind, values, expected):
    assert typed(kind, values) == expected


def test_old_spark_timestamps_are_read():
    values = pa.array([datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)], pa.timestamp("us"))
    assert typed("datetime", values, use_deprecated_int96_timestamps=True) == ["2024-01-02 03:04:05+00:00"]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("int", ["1"]),
        ("int", [1.0]),
        ("string", [1]),
        ("string", [b"a"]),
        ("decimal", [1.5]),
        ("decimal", pa.array([Decimal(1)], pa.decimal256(50, 2))),
        ("float", pa.array([Decimal(1)], pa.decimal256(50, 2))),
        ("boolean", [1]),
        ("date", [1]),
        ("datetime", [date(2024, 1, 2)]),
        ("string", [{"a": 1}]),
        ("json", [b"{}"]),
        ("json", [{"a": b"x"}]),
    ],
)
def test_a_column_of_another_kind_refuses_the_file_and_is_named(kind, values):
    with pytest.raises(InvalidData, match=r"column 'v' of the Parquet file is .*, from which no"):
        land(written({"v": values}), columns(v=kind))


def test_one_reject_for_each_row_names_every_bad_column_and_holds_the_row_apart():
    table = {"id": [1, None, 3], "price": [1.0, float("nan"), float("inf")], "name": ["a", "b", "c\0"]}
    landed = land(written(table), columns(id="int!", price="float", name="string"))

    price = "price: the value is not a finite number"
    assert landed.rows == [{"id": 1, "price": 1.0, "name": "a"}]
    assert [(one["line"], one["column"], one["ordinal"], one["reason"]) for one in landed.rejects] == [
        (2, "id", 1, f"id: null, and the column is not nullable; {price}"),
        (3, "price", 2, f"{price}; name: the value is not text of up to 262144 bytes without NUL"),
    ]
    assert [one["raw"] for one in landed.rejects] == [
        '{"id":null,"price":NaN,"name":"b"}',
        '{"id":3,"price":Infinity,"name":"c\\u0000"}',
    ]


def test_a_key_that_stands_twice_is_set_aside_with_its_row():
    key = Field(name="id", type="int", nullable=False, primary_key=True)
    landed = land(written({"id": [1, 2, 1]}), (key,))
    assert [row["id"] for row in landed.rows] == [1, 2]
    assert [(one["line"], one["raw"], one["reason"]) for one in landed.rejects] == [
        (3, '{"id":1}', "id: the primary key stands in an earlier record")
    ]


def test_rows_keep_the_order_of_the_file_over_pieces_and_row_groups():
    numbers = [n if n % 1_000 else None for n in range(10_000)]
    landed = land(written({"id": numbers}, row_group_size=700), columns(id="int!"))
    assert [row["id"] for row in landed.rows] == [n for n in numbers if n is not None]
    assert landed.ids == [f"b1-{n:012}" for n in numbers if n is not None]
    assert [one["line"] for one in landed.rejects] == [n + 1 for n in range(0, 10_000, 1_000)]


def test_a_file_of_no_rows_is_a_batch_of_no_rows():
    landed = land(written({"id": pa.array([], pa.int64())}), columns(id="int!"))
    assert (landed.rows, landed.rejects, landed.types) == ([], [], {"id": "BIGINT"})


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"id": [1], "secret": [1]}, "has 'secret', which the schema does not have"),
        ({"name": ["a"]}, "lacks 'id', which may not be null"),
        ({"id": [1], "ID": [1]}, "has 'id', 'ID' more than once"),
    ],
)
def test_columns_that_do_not_fit_refuse_the_file(table, says):
    with pytest.raises(InvalidData, match=says):
        land(written(table), columns(id="int!", name="string"))


def test_a_file_that_is_encrypted_or_cut_off_is_refused():
    whole = written({"id": list(range(5_000))})
    with pytest.raises(InvalidData, match="encrypted Parquet"):
        land(b"PARE\xff" + whole[5:], columns(id="int"))
    for cut in (4, 8, 100, len(whole) - 8, len(whole) - 1):
        with pytest.raises(InvalidData, match="the Parquet file cannot be read"):
            land(whole[:cut], columns(id="int"))


def test_a_damaged_file_is_read_or_refused_but_never_a_fault_and_the_next_one_is_read():
    chance = Random(7)
    table = {"id": list(range(500)), "name": [f"n{n % 9}" for n in range(500)], "more": [[n] for n in range(500)]}
    sound = [written(table, compression=one, row_group_size=200) for one in ("none", "zstd", "gzip")]
    fields = columns(id="int", name="string", more="json")
    for _ in range(60):
        damaged = bytearray(chance.choice(sound))
        for _ in range(chance.choice([1, 2, 5])):
            damaged[chance.randrange(4, len(damaged) - 4)] = chance.randrange(256)
        with suppress(InvalidData):
            land(bytes(damaged), fields)
    assert len(land(sound[0], fields).rows) == 500


def test_text_that_is_not_utf_8_refuses_the_file_without_showing_it():
    whole = written({"name": ["secret\u00e9"] * 3}, use_dictionary=False, compression="none", write_statistics=False)
    with pytest.raises(InvalidData) as refused:
        land(whole.replace("secret\u00e9".encode(), b"secret\xff\xff"), columns(name="string"))
    assert "secret" not in refused.value.message
    assert "secret" not in str(refused.value.__cause__ or "")

"""One table in three formats: the same rows, whatever its columns are called."""

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.kernel.errors import BadUserInput, InvalidData
from server.kernel.fields import Field, check_fields
from server.kernel.files import FileFormat
from tests.adapters.engine.ingest.landing import columns, land

FIELDS = columns(
    id="int!", name="string", price="decimal(7,2)", score="float", live="boolean", day="date", at="datetime"
)
AT = datetime(2024, 1, 2, 3, 4, 5, 60, tzinfo=UTC)
ROWS = [
    {"id": 1, "name": 'Zoë "Z", the 1st\n', "price": Decimal("10.50"), "score": -0.1, "live": True},
    {"id": -(2**63), "name": "", "price": None, "score": 1e300, "live": None},
    {"id": 3, "name": None, "price": Decimal("-0.01"), "score": None, "live": False},
]
DAY = datetime(2024, 2, 29, tzinfo=UTC).date()


def as_csv(names: list[str], rows: list[list]) -> bytes:
    target = io.StringIO()
    writer = csv.writer(target, quoting=csv.QUOTE_NOTNULL) if hasattr(csv, "QUOTE_NOTNULL") else None
    if writer is not None:
        writer.writerows([names, *rows])
        return target.getvalue().encode()
    quoted = [["" if one is None else '"' + str(one).replace('"', '""') + '"' for one in row] for row in [names, *rows]]
    return "".join(",".join(row) + "\n" for row in quoted).encode()


def as_ndjson(names: list[str], rows: list[list]) -> bytes:
    def plain(value):
        return (
            {True: "true", False: "false"}[value]
            if isinstance(value, bool)
            else (
                "null"
                if value is None
                else f"{value}"
                if isinstance(value, int | Decimal | float)
                else json.dumps(str(value))
            )
        )

    lines = (
        "{" + ", ".join(f"{json.dumps(n)}: {plain(v)}" for n, v in zip(names, row, strict=True)) + "}" for row in rows
    )
    return "\n".join(lines).encode()


def as_parquet(names: list[str], rows: list[list], types: list[pa.DataType]) -> bytes:
    arrays = [pa.array(column, kind) for column, kind in zip(zip(*rows, strict=True), types, strict=True)]
    target = io.BytesIO()
    parquet.write_table(pa.Table.from_arrays(arrays, names=names), target)
    return target.getvalue()


def test_a_table_is_the_same_through_every_format():
    rows = [[*row.values(), DAY, AT] for row in ROWS]
    names = [field.name for field in FIELDS]
    types = [
        pa.int64(),
        pa.string(),
        pa.decimal128(7, 2),
        pa.float64(),
        pa.bool_(),
        pa.date32(),
        pa.timestamp("us", "UTC"),
    ]
    files = [as_csv(names, rows), as_ndjson(names, rows), as_parquet(names, rows, types)]
    landed = [land(file, FIELDS) for file in files]

    wanted = [dict(zip(names, row, strict=True)) for row in rows]
    assert [one.rows for one in landed] == [wanted] * 3
    assert [one.ingested.format for one in landed] == list(FileFormat)
    assert {tuple(one.ids) for one in landed} == {tuple(f"b1-{n:012}" for n in range(3))}


NAMES = [
    "Total (EUR)", 'the "best" one', "it's", "a.b.c", "50%", "[x]", "{y}", "naïve", "数量", "价格, 元", "a;b|c\\d",
    "select", "$file", "--", "/*", "x" * 256, "🚲", "מחיר", "v0", "c1", "sound", "n", "$1",
]  # fmt: skip


def test_columns_may_be_called_as_in_real_tables():
    fields = check_fields([Field(name=name, type="string") for name in NAMES])
    rows = [[f"{n}-{place}" for place in range(len(NAMES))] for n in range(3)] + [["a\0"] * len(NAMES)]
    for file in (
        as_csv(NAMES, rows[:3]),
        as_ndjson(NAMES, rows),
        as_parquet(NAMES, rows, [pa.string()] * len(NAMES)),
    ):
        landed = land(file, fields)
        assert landed.rows == [dict(zip(NAMES, row, strict=True)) for row in rows[:3]]
        assert [one["column"] for one in landed.rejects] in ([], [NAMES[0]])


name = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co", "Cf", "Zl", "Zp"]), min_size=1, max_size=20)


@settings(max_examples=40, deadline=None)
@given(names=st.lists(name, min_size=1, max_size=4, unique=True))
def test_any_name_that_a_schema_may_have_can_stand_in_a_file(names):
    try:
        fields = check_fields([Field(name=one, type="int") for one in names])
    except BadUserInput:
        return
    names = [field.name for field in fields]
    rows = [[n] * len(names) for n in range(2)]
    wanted = [dict(zip(names, row, strict=True)) for row in rows]
    assert land(as_csv(names, rows), fields).rows == wanted
    assert land(as_ndjson(names, rows), fields).rows == wanted
    assert land(as_parquet(names, rows, [pa.int64()] * len(names)), fields).rows == wanted


@pytest.mark.parametrize(
    ("text", "names", "wanted"),
    [
        (b'  \n{"a": 1}', ["a"], FileFormat.NDJSON),
        (b"{a}\n1\n", ["{a}"], FileFormat.CSV),
        (b"PAR1\n1\n", ["PAR1"], FileFormat.CSV),
        (b"[a]\n1\n", ["[a]"], FileFormat.CSV),
    ],
)
def test_the_content_says_what_a_file_is(text, names, wanted):
    landed = land(text, columns(**dict.fromkeys(names, "int")))
    assert (landed.ingested.format, [list(row.values()) for row in landed.rows]) == (wanted, [[1]])


def test_a_file_is_read_as_what_it_was_recorded_as():
    with pytest.raises(InvalidData, match="line 1 is JSON"):
        land(b'{"a": 1}\n', columns(a="int"), format=FileFormat.CSV)

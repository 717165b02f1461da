"""NDJSON to bronze: what a line may be, what becomes of its values, and what is set aside."""

import json
import math
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.adapters.engine.ndjson.block import read_block
from server.adapters.engine.ndjson.cells import columns_of
from server.kernel.errors import InvalidData
from server.kernel.files import FileFormat
from tests.adapters.engine.ingest.landing import columns, land

PEOPLE = columns(id="int!", name="string")
EVERY = columns(
    id="int", name="string", price="decimal(5,2)", score="float", live="boolean", day="date", at="datetime", more="json"
)


def typed(kind: str, *values: str) -> list:
    """The value of each cell, written as JSON, or `...` where its record was set aside."""
    landed = land("".join(f'{{"v": {value}}}\n' for value in values).encode(), columns(v=kind))
    assert [reject["column"] for reject in landed.rejects] == ["v"] * len(landed.rejects)
    found: list = [...] * len(values)
    for identifier, row in zip(landed.ids, landed.rows, strict=True):
        found[int(identifier[-12:])] = row["v"]
    return found


def test_types_the_members_of_each_object_and_names_rows_by_their_place():
    landed = land(b'{"id": 1, "name": "Ada"}\n\n \t\r\n{"name": "", "id": 2}\r\n{"id":3,"name":null}', PEOPLE)

    assert landed.rows == [{"id": 1, "name": "Ada"}, {"id": 2, "name": ""}, {"id": 3, "name": None}]
    assert landed.ids == ["b1-000000000000", "b1-000000000001", "b1-000000000002"]
    assert (landed.rejects, landed.ingested.format, landed.heard[-1]) == ([], FileFormat.NDJSON, 3)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (
            "int",
            {
                "1": 1,
                "-0": 0,
                str(2**63 - 1): 2**63 - 1,
                str(2**63): ...,
                "1.5": ...,
                "1.0": ...,
                '"1"': ...,
                "1e2": ...,
            },
        ),
        ("int", {"true": ..., "[1]": ..., '""': ..., "null": None}),
        ("float", {"1": 1.0, "1e3": 1000.0, "-0.5": -0.5, "1e400": ..., '"1"': ..., "false": ...}),
        ("decimal(5,2)", {"1.10": Decimal("1.10"), "1.5e1": Decimal("15"), "1.005": ..., "1E-2": Decimal("0.01")}),
        ("decimal(5,2)", {"1000": ..., '"1.1"': ..., "1e-999999999": ..., "1e999999999": ..., "true": ...}),
        (
            "decimal",
            {"0.123456789": Decimal("0.123456789"), "12345678901234567890.5": Decimal("12345678901234567890.5")},
        ),
        ("boolean", {"true": True, "false": False, '"true"': ..., "1": ..., "0": ...}),
        (
            "string",
            {
                '"a\\u00e9\\ud83d\\ude00"': "aé😀",
                '"NA"': "NA",
                "5": ...,
                '"a\\u0000"': ...,
                '"\\ud800"': ...,
                "{}": ...,
            },
        ),
        ("date", {'"2024-02-29"': "2024-02-29", '"2024-02-30"': ..., '""': ..., "20240101": ..., '"2024-1-1"': ...}),
        ("datetime", {'"2024-01-02T03:04:05Z"': "2024-01-02 03:04:05+00:00", '"now"': ..., "0": ...}),
        ("json", {'{"a": [1, 2.50]}': '{"a": [1, 2.50]}', '"x"': '"x"', "1": "1", "null": None, '"\\ud800"': ...}),
    ],
)
def test_takes_a_value_as_it_is_written_or_not_at_all(kind, values):
    expected = [value if kind not in ("date", "datetime") or value is ... else str(value) for value in values.values()]
    found = typed(kind, *values)
    assert [str(one) if kind in ("date", "datetime") and one is not ... else one for one in found] == expected


def test_one_reject_for_each_line_says_where_and_why_but_no_value():
    lines = [
        '{"id": 1, "name": "Ada"}',
        '{"id": "secret", "name": 7}',
        '{"name": "secret"}',
        '{"id": 2, "nickname": "secret"}',
        '["secret"]',
        '{"id": 3, "id": 4}',
        '{"id": 5} {"id": 6}',
        '{"id": 7, "name": NaN}',
        '{"id": 8,}',
        '{"id": 9',
        "{id: 10}",
        '{"id": 11, "name": {"x": 1, "x": 2}}',
        '{"id": 12, "secret@example.org": 1}',
        '{"id": 13, "name": "tab\there"}',
        '{"id": 14, "name": ' + "[" * 100_000 + "}",
        '{"id": 15}',
    ]
    landed = land("\n".join(lines).encode(), PEOPLE)

    an_int = "id: not an int, which is digits with an optional sign, within 64 bits"
    assert landed.rows == [{"id": 1, "name": "Ada"}, {"id": 15, "name": None}]
    assert landed.ids == ["b1-000000000000", "b1-000000000005"]
    assert [(one["line"], one["column"], one["ordinal"], one["reason"]) for one in landed.rejects] == [
        (2, "id", 1, f"{an_int}; name: not a string, which is text of whole characters without NUL"),
        (3, "id", 2, "id: null, and the column is not nullable"),
        (4, None, 3, "the record has 'nickname', which the schema does not have"),
        (5, None, None, "not a JSON object: no '{' at character 1"),
        (6, None, None, "the JSON object names a field twice"),
        (7, None, None, "text follows the JSON object; write one object on each line"),
        (8, None, None, "NaN and Infinity are no JSON values"),
        (9, None, None, "not a JSON object: no name of a field at character 10"),
        (10, None, None, "not a JSON object: neither a comma nor its end at character 9"),
        (11, None, None, "not a JSON object: no name of a field at character 2"),
        (12, None, None, "the JSON object names a field twice"),
        (13, None, 4, "the record has something, which the schema does not have"),
        (14, None, None, "not a JSON object: no JSON value at character 24"),
        (15, None, None, "the JSON object is nested too deeply"),
    ]
    assert [one["raw"] for one in landed.rejects] == [*lines[1:-1]]


def test_a_line_that_is_too_long_is_set_aside_and_one_without_end_refuses_the_file():
    landed = land(b'{"id": 1, "name": "' + b"x" * 262_144 + b'"}\n{"id": 2}\n', PEOPLE)
    assert landed.rows == [{"id": 2, "name": None}]
    assert [one["reason"] for one in landed.rejects] == ["the record is 262166 bytes long; 262144 are allowed"]

    with pytest.raises(InvalidData, match="the record that starts on line 2 does not end"):
        land(b'{"id": 1}\n{"id": 2, "name": "' + b"x" * (17 * 1024 * 1024) + b'"}', PEOPLE)


def test_bytes_that_are_no_text_refuse_the_file_and_name_their_line():
    with pytest.raises(InvalidData, match="line 2 is not UTF-8; write the file as NDJSON in UTF-8"):
        land(b'{"id": 1}\n{"id": 2, "name": "\xff"}\n', PEOPLE)


def test_columns_of_another_schema_version_may_stand_in_the_file():
    landed = land(b'{"id": 1, "was": "x", "name": "Ada"}\n', PEOPLE, ignored=frozenset({"was"}))
    assert landed.rows == [{"id": 1, "name": "Ada"}]


def test_an_object_without_members_is_a_row_of_nulls_and_a_mark_at_the_front_is_none():
    assert land(b"\xef\xbb\xbf{}\n{ }", columns(v="int")).rows == [{"v": None}, {"v": None}]


def test_names_are_the_same_in_either_normal_form():
    assert land('{"cafe\u0301": 1}'.encode(), columns(**{"café": "int"})).rows == [{"café": 1}]


value = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    st.lists(st.integers(0, 5), max_size=2),
)
member = st.tuples(st.sampled_from(["n", "s", "b", "x"]), value)


def expected(record: dict) -> dict | None:
    """What plain Python says of a record of an int, a string and a boolean; None where it is set aside."""
    n, s, b = record.get("n"), record.get("s"), record.get("b")
    sound = (
        set(record) <= {"n", "s", "b"}
        and (n is None or (type(n) is int and -(2**63) <= n < 2**63))
        and (s is None or (isinstance(s, str) and "\0" not in s))
        and (b is None or isinstance(b, bool))
    )
    return {"n": n, "s": s, "b": b} if sound else None


@settings(max_examples=60, deadline=None)
@given(
    records=st.lists(st.lists(member, max_size=4).map(dict), min_size=1, max_size=12),
    block=st.integers(8, 200),
    ascii_only=st.booleans(),
)
def test_rows_and_rejects_are_those_of_pythons_json_wherever_blocks_end(records, block, ascii_only):
    text = "".join(json.dumps(one, ensure_ascii=ascii_only) + "\n" for one in records)
    landed = land(text.encode(), columns(n="int", s="string", b="boolean"), block_bytes=block)

    wanted = [expected(one) for one in records]
    assert landed.rows == [one for one in wanted if one is not None]
    assert landed.ids == [f"b1-{place:012}" for place, one in enumerate(wanted) if one is not None]
    assert [one["line"] - 1 for one in landed.rejects] == [place for place, one in enumerate(wanted) if one is None]


@settings(max_examples=100, deadline=None)
@given(number=st.floats(allow_nan=False, allow_infinity=False), digits=st.decimals(allow_nan=False, places=4))
def test_numbers_come_from_their_text(number, digits):
    if abs(digits) >= Decimal(10) ** 20:
        return
    (row,) = land(f'{{"f": {number!r}, "d": {digits:f}}}'.encode(), columns(f="float", d="decimal(30,4)")).rows
    assert row["d"] == digits
    assert row["f"] == number
    assert math.copysign(1, row["f"]) == math.copysign(1, number)


def test_a_block_ends_behind_its_last_whole_line():
    block = read_block(b'{"id": 1}\n{"id"', columns_of(PEOPLE, ()), line=7, final=False)
    assert (block.rows.to_pylist(), block.consumed, block.lines_of([10])) == ([{"c0": "1", "c1": None}], 10, [8])


DOUBTFUL = [
    '{"n":1,"s":"a"}', '{"n":1.0}', '{"n":"1"}', '{"d":1.50000}', '{"d":1.005}', '{"d":15e-1}', '{"f":1e400}',
    '{"f":-0.0}', '{"s":"\\ud800"}', '{"s":"\\u0000"}', '{"s":"\\ud83d\\ude00"}', '{"t":""}',
    '{"t":" 2024-01-02 "}', '{"t":"é"}', '{"b":true}', '{"b":1}', '{"n":1,"n":2}', '{"x":1}',
    '{"n":1}{"n":2}', '{"n":', '3}', '{"n":{"x":1}', '{"n":01}', '{"n":NaN}', '{"n":1,}', '{}', '{"n":null}',
    '{"s":5}', '{"n":9223372036854775808}', '{"s":"tab\t"}',
    '{"d":12345678901234567890123456789012345678901}',
]  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(lines=st.lists(st.sampled_from(DOUBTFUL), min_size=1, max_size=3))
def test_the_quick_reading_equals_the_exact_one(lines):
    fields = columns(n="int", s="string", f="float", d="decimal(9,2)", b="boolean", t="date")
    text = "\n".join(lines).encode()
    exact = land(b" " + text, fields, format=FileFormat.NDJSON)  # the quick reading declines a space in front
    quick = land(text, fields, format=FileFormat.NDJSON)
    shown = [(one["line"], one["column"], one["reason"], one["ordinal"]) for one in quick.rejects]
    assert shown == [(one["line"], one["column"], one["reason"], one["ordinal"]) for one in exact.rejects]
    assert (repr(quick.rows), quick.ids) == (repr(exact.rows), exact.ids)

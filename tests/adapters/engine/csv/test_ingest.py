"""CSV to bronze, from the first byte of a file to its rows, its rejects or its refusal."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.kernel.errors import InvalidData
from tests.adapters.engine.ingest.landing import columns, land

PEOPLE = columns(id="int!", name="string")
TEXTS = columns(a="string", b="string", c="string")


def test_types_the_rows_and_names_them_by_their_place():
    landed = land(b"id,name\n1,Ada\n2,Grace\n", PEOPLE)

    assert landed.rows == [{"id": 1, "name": "Ada"}, {"id": 2, "name": "Grace"}]
    assert landed.ids == ["b1-000000000000", "b1-000000000001"]
    assert landed.rejects == []
    assert landed.heard == [2]


def test_a_header_alone_is_a_batch_of_no_rows_with_every_column():
    for text in (b"id,name", b"id,name\n", b"name,id\r\n", b"\xef\xbb\xbfid,name\r"):
        landed = land(text, PEOPLE)
        assert (landed.rows, landed.rejects, landed.types) == ([], [], {"id": "BIGINT", "name": "VARCHAR"})


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("last", [True, False])
def test_reads_every_line_end_with_and_without_a_byte_order_mark(end, mark, last):
    text = mark + end.join([b"id,name", b"1,Ada", b'2,"Gr' + end + b'ace"', b"x,Bob", b"4,Zo\xc3\xab"])
    landed = land(text + (end if last else b""), PEOPLE)

    name = f"Gr{end.decode()}ace"
    assert landed.rows == [{"id": 1, "name": "Ada"}, {"id": 2, "name": name}, {"id": 4, "name": "Zoë"}]
    assert [(reject["line"], reject["raw"]) for reject in landed.rejects] == [(5, "x,Bob")]


def test_reads_mixed_line_ends():
    landed = land(b"id,name\r\n1,Ada\n2,Bob\r3,Cy\r\n", PEOPLE)
    assert landed.rows == [{"id": 1, "name": "Ada"}, {"id": 2, "name": "Bob"}, {"id": 3, "name": "Cy"}]


def test_keeps_a_byte_order_mark_that_belongs_to_a_value():
    landed = land("a,b,c\n\ufeffx,y,z\n".encode(), TEXTS, block_bytes=6)
    assert landed.rows == [{"a": "\ufeffx", "b": "y", "c": "z"}]


def test_an_empty_field_is_null_and_a_quoted_one_is_empty_text_or_null():
    fields = columns(a="string", n="int", j="json", at="datetime")
    landed = land(b'a,n,j,at\n,,,\n"","","",""\n " ,  , ,\t\n', fields)
    nothing = {"n": None, "j": None, "at": None}
    assert landed.rows == [{"a": None} | nothing, {"a": ""} | nothing, {"a": ' " '} | nothing]


def test_one_reject_for_each_record_names_its_line_and_every_bad_column_but_no_value():
    fields = columns(id="int!", name="string!", price="decimal(5,2)")
    landed = land(b'id,name,price\n1,"two\nlines",1.25\nsecret,,1.005\n2,x\n3,x,1,extra\n4,,\n', fields)

    assert landed.rows == [{"id": 1, "name": "two\nlines", "price": pytest.approx(1.25)}]
    assert landed.ids == ["b1-000000000000"]
    assert landed.rejects == [
        {
            "line": 4,
            "column": "id",
            "ordinal": 1,
            "raw": "secret,,1.005",
            "reason": "id: not an int, which is digits with an optional sign, within 64 bits; "
            "name: null, and the column is not nullable; price: not a decimal(5,2), which is digits with an optional"
            " point, within its precision and scale",
        },
        {
            "line": 5,
            "column": None,
            "ordinal": None,
            "raw": "2,x",
            "reason": "the record has 2 fields; the header has 3",
        },
        {
            "line": 6,
            "column": None,
            "ordinal": None,
            "raw": "3,x,1,extra",
            "reason": "the record has 4 fields; the header has 3",
        },
        {
            "line": 7,
            "column": "name",
            "ordinal": 2,
            "raw": "4,,",
            "reason": "name: null, and the column is not nullable",
        },
    ]


def test_ordinals_count_readable_records_whether_their_values_are_sound_or_not():
    landed = land(b"id,name\nx,a\n1\n2,b\n,c\n3,d\n", PEOPLE)
    assert landed.ids == ["b1-000000000001", "b1-000000000003"]
    assert [reject["ordinal"] for reject in landed.rejects] == [0, None, 2]


def test_a_file_of_nothing_but_rejects_is_a_batch_of_no_rows():
    landed = land(b"id,name\n" + b"x,y\n" * 5_000 + b"1\n" * 5_000, PEOPLE, block_bytes=4_096)
    assert landed.rows == []
    assert [reject["line"] for reject in landed.rejects] == list(range(2, 10_002))
    assert [reject["ordinal"] for reject in landed.rejects] == [*range(5_000), *[None] * 5_000]


def test_finds_single_bad_rows_among_many_blocks():
    bad = {0, 1, 1_023, 1_024, 7_777, 19_999}
    lines = [f'{"x" if n in bad else n},"name {n}\n"' for n in range(20_000)]
    landed = land("\n".join(["id,name", *lines]).encode(), PEOPLE, block_bytes=10_000)

    assert [row["id"] for row in landed.rows] == [n for n in range(20_000) if n not in bad]
    assert [(reject["line"], reject["raw"]) for reject in landed.rejects] == [
        (2 + 2 * n, f'x,"name {n}\n"') for n in sorted(bad)
    ]


def test_blank_lines_are_no_records_and_count_as_lines():
    landed = land(b"id,name\n\n1,a\n\r\n\nx,b\n\n", PEOPLE)
    assert landed.rows == [{"id": 1, "name": "a"}]
    assert [(reject["line"], reject["ordinal"]) for reject in landed.rejects] == [(6, 1)]


def test_a_blank_line_in_a_file_of_one_column_is_a_null():
    landed = land(b'a\n\nx\n""\n\n', columns(a="string"))
    assert [row["a"] for row in landed.rows] == [None, "x", "", None]


def test_text_behind_a_closing_quote_sets_its_record_aside_and_no_other():
    landed = land(b'a,b,c\n1,"x" y,3\n4,5" pipe,6\n7,"8 ""q""",9\n', TEXTS)
    assert landed.rows == [{"a": "4", "b": '5" pipe', "c": "6"}, {"a": "7", "b": '8 "q"', "c": "9"}]
    assert [(reject["line"], reject["reason"]) for reject in landed.rejects] == [
        (2, "text follows the closing quote of field 2")
    ]


@pytest.mark.parametrize(
    ("rest", "line"),
    [
        (b'1,"x,3\n4,5,6\n', 2),
        (b'1,2,3\n4,"x,6\n7,8,9\n', 3),
        (b'1,"x,3\n4,"y",6\n7,8,9\n', 2),
        (b'1,"two\nlines",3\n4,"x', 4),
        (b'1,2,"', 2),
    ],
)
def test_refuses_a_quote_that_stays_open_and_names_its_line(rest, line):
    for block_bytes in (1, 7, 1 << 20):
        with pytest.raises(InvalidData, match=f"the quote that opens on line {line} ") as refused:
            land(b"a,b,c\n" + rest, TEXTS, block_bytes=block_bytes)
        assert refused.value.details["line"] == line


def test_a_line_of_ten_megabytes_is_set_aside_with_its_line():
    long = b"x" * 10_000_000
    landed = land(b"a,b,c\n1,2,3\n" + long + b",b,c\n4,5,6\n", TEXTS)
    assert landed.rows == [{"a": "1", "b": "2", "c": "3"}, {"a": "4", "b": "5", "c": "6"}]
    (reject,) = landed.rejects
    assert (reject["line"], reject["reason"]) == (3, "the record is 10000004 bytes long; 262144 are allowed")
    assert reject["raw"] == "x" * 262_144


def test_the_longest_record_allowed_is_a_row_whatever_the_blocks():
    for block_bytes in (65_536, 1 << 20):
        landed = land(b"a,b,c\n" + b"x" * 262_140 + b",b,c\n1,2,3\n", TEXTS, block_bytes=block_bytes)
        assert [len(row["a"]) for row in landed.rows] == [262_140, 1]


def test_refuses_a_file_without_line_ends():
    with pytest.raises(InvalidData, match="the record that starts on line 2 does not end within"):
        land(b"a,b,c\n" + b"x" * (18 << 20), TEXTS)


def test_refuses_a_long_quote_that_swallows_lines():
    with pytest.raises(InvalidData, match="the record that starts on line 2 does not end within"):
        land(b'a,b,c\n1,"' + b"x,y,z\n" * 60_000 + b'",3\n', TEXTS)


def test_a_line_of_commas_is_one_reject():
    landed = land(b"a,b,c\n" + b"," * 20_000 + b"\n1,2,3\n", TEXTS)
    assert [(reject["line"], reject["reason"]) for reject in landed.rejects] == [
        (2, "the record has 20001 fields; the header has 3")
    ]
    assert len(landed.rows) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (b"\nid,name\n1,a\n", "line 1 is blank"),
        (b"\x1f\x8b\x08\x00rest", "the file is gzip, not CSV"),
        (b"ARROW1\x00\x00\xff\xff", "the file is Arrow, not CSV"),
        (b"PK\x03\x04\x14\x00\x00", "the file is zip, not CSV"),
        ("id,name\n1,a\n".encode("utf-16"), "the file is UTF-16, not CSV"),
        ("id,name\n1,a\n".encode("utf-16-le"), "line 1 holds a NUL byte"),
        (b"<!DOCTYPE html>\n<html></html>", "line 1 is markup such as HTML"),
        (b'[{"id":1,"name":"a"}]\n', "the file is a JSON array"),
        (b"id,name\n1,a\n2,\xff\n", "line 3 is not UTF-8"),
        (b"id,name\n1,a\n2,b\xc3", "line 3 is not UTF-8"),
        (b"id,name\n1,\xc0\x80\n", "line 2 is not UTF-8"),
        (b"id,name\n1,\xed\xa0\x80\n", "line 2 is not UTF-8"),
        (b"id,name\n1,a\n2,a\0b\n", "line 3 holds a NUL byte"),
    ],
)
def test_refuses_what_is_not_csv(text, says):
    for block_bytes in (6, 1 << 20):
        if block_bytes > 6 or len(text) > 12:
            with pytest.raises(InvalidData, match=says):
                land(text, PEOPLE, block_bytes=block_bytes)


def test_a_refusal_at_the_end_of_a_long_file_leaves_nothing_behind():
    with pytest.raises(InvalidData, match="line 50002 is not UTF-8") as refused:
        land(b"id,name\n" + b"1,a\nx,b\n" * 25_000 + b"1,\xff\n", PEOPLE, block_bytes=50_000)
    assert refused.value.__cause__ is None


def test_maps_columns_by_name_and_fills_a_missing_nullable_one_with_null():
    fields = columns(id="int!", name="string", born="date", tags="json", price="decimal(9,2)")
    landed = land(b"name,id\nAda,1\n", fields)
    assert landed.rows == [{"id": 1, "name": "Ada", "born": None, "tags": None, "price": None}]
    assert landed.types == {
        "id": "BIGINT",
        "name": "VARCHAR",
        "born": "DATE",
        "tags": "VARCHAR",
        "price": "DECIMAL(9,2)",
    }


def test_column_names_are_names_whatever_characters_they_hold():
    fields = columns(
        **{'say "hi", you': "string!", "n": "int", "c0": "int", "v1": "int", "sound": "int", "select": "int"}
    )
    landed = land(b'"say ""hi"", you",n,c0,v1,sound,select\nx,1,2,3,4,5\n,1,2,3,4,5\n', fields)
    assert landed.rows == [{'say "hi", you': "x", "n": 1, "c0": 2, "v1": 3, "sound": 4, "select": 5}]
    assert [reject["column"] for reject in landed.rejects] == ['say "hi", you']


def test_reads_a_kept_file_again_with_the_same_ids():
    text = b"id,name\n1,a\nx,b\n3,c\n"
    first, again = land(text, PEOPLE), land(text, PEOPLE, keep=False)
    assert (again.rows, again.ids, again.rejects) == (first.rows, first.ids, first.rejects)


def expected(text: str):
    """Rows and rejects by the standard library's reader; None where quotes may leave no safe reading."""
    lines = list(io.StringIO(text, newline=""))
    taken: list[str] = []

    def giving():
        for line in lines:
            taken.append(line)
            yield line

    rows, rejects, line = [], [], 1
    for row in csv.reader(giving()):
        try:
            list(csv.reader(taken, strict=True))
            sound = True
        except csv.Error as error:
            sound = False
            if "unexpected end" in str(error) or len(taken) > 1 or line == len(lines):
                return None
        if sound and len(row) == 3:
            rows.append(tuple(row))
        elif row:
            raw = "".join(taken)
            rejects.append((line, raw[:-2] if raw.endswith("\r\n") else raw.removesuffix("\n").removesuffix("\r")))
        line += len(taken)
        taken.clear()
    return rows, rejects


messy = st.text(st.sampled_from(list('ab,,"\n\r;')), max_size=60)
cell = st.text(st.sampled_from(list('aé,"\n\r ')), max_size=6)
tidy = st.lists(st.lists(cell, min_size=2, max_size=4), max_size=12).map(
    lambda rows: "".join(",".join('"' + value.replace('"', '""') + '"' for value in row) + "\r\n" for row in rows)
)


@settings(max_examples=150, deadline=None)
@given(text=st.one_of(messy, tidy), block_bytes=st.integers(1, 70))
def test_reads_what_the_standard_reader_reads_whatever_the_blocks(text, block_bytes):
    model = expected("a,b,c\n" + text)
    try:
        landed = land(b"a,b,c\n" + text.encode(), TEXTS, block_bytes=block_bytes)
    except InvalidData:
        assert model is None
        return
    if model is None:
        return
    rows, rejects = model
    assert [tuple(value or "" for value in row.values()) for row in landed.rows] == rows[1:]
    assert [(reject["line"], reject["raw"]) for reject in landed.rejects] == rejects

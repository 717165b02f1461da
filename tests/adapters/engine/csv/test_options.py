"""CSV as its producer writes it: delimiter, texts for null, encoding, decimal separator."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.kernel.errors import InvalidData
from server.kernel.files import CsvOptions, check_csv
from tests.adapters.engine.ingest.landing import columns, land, land_csv

PEOPLE = columns(id="int!", name="string", price="decimal(9,2)", score="float")


@pytest.mark.parametrize("delimiter", [";", "\t", "|", "^", "~", " ", "§", "¦", "。"])
def test_reads_a_declared_delimiter_and_no_other(delimiter):
    text = delimiter.join(["id", "name"]) + "\n" + delimiter.join(["1", 'caf\u00e9,"x'.replace('"', "")]) + "\n"
    assert land_csv(text.encode(), PEOPLE, delimiter=delimiter).rows == [
        {"id": 1, "name": "café,x", "price": None, "score": None}
    ]
    with pytest.raises(InvalidData, match=r"line 1, cut at '#' as the contract's csv says, names none|the header"):
        land_csv(text.encode(), PEOPLE, delimiter="#")


def test_a_delimiter_of_several_bytes_divides_no_other_character():
    landed = land_csv(
        'id§name\n1§ç\u00c2\n2§"a§b\nc"\n'.encode(),
        PEOPLE,
        delimiter="§",
    )
    assert [row["name"] for row in landed.rows] == ["ç\u00c2", "a§b\nc"]


def test_declared_texts_are_null_where_no_quotes_say_otherwise():
    text = b'id,name,price,score\n1,NA,NA,-\n2,"NA"," NA ","-"\n3,-,1,2\n4,NAN,1,1\n'
    landed = land_csv(text, PEOPLE, null_values=("NA", "-"))
    assert landed.rows == [
        {"id": 1, "name": None, "price": None, "score": None},
        {"id": 2, "name": "NA", "price": None, "score": None},
        {"id": 3, "name": None, "price": Decimal(1), "score": 2.0},
        {"id": 4, "name": "NAN", "price": Decimal(1), "score": 1.0},
    ]


def test_a_declared_null_in_a_column_that_may_not_be_null_is_set_aside_as_one():
    landed = land_csv(b"id,name\nNA,x\n1,NA\nN/A,y\n", PEOPLE, null_values=("NA",))
    assert [(one["line"], one["reason"]) for one in landed.rejects] == [
        (2, "id: null, and the column is not nullable"),
        (4, "id: not an int, which is digits with an optional sign, within 64 bits"),
    ]


def test_a_value_that_was_declared_null_is_null():
    landed = land_csv(b"id,price\n1,-1\n2,-1.0\n", PEOPLE, null_values=("-1",))
    assert [row["price"] for row in landed.rows] == [None, Decimal("-1.00")]


def test_a_declared_decimal_comma_is_the_only_separator():
    text = "id;price;score\n1;1,50;-0,25\n2;1.50;1\n3;1;1.5\n4;1.234,50;1\n5;;1,5e3\n"
    landed = land_csv(text.encode(), PEOPLE, decimal_separator=",")
    assert [(row["id"], row["price"], row["score"]) for row in landed.rows] == [
        (1, Decimal("1.50"), -0.25),
        (5, None, 1500.0),
    ]
    assert [(one["line"], one["column"]) for one in landed.rejects] == [(3, "price"), (4, "score"), (5, "price")]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
@pytest.mark.parametrize("block_bytes", [7, 1 << 20])
def test_reads_a_declared_encoding_and_says_the_true_lines(encoding, block_bytes):
    text = 'id,name\n1,Zoë\n"x","two\nlines ü"\n3,\n'
    landed = land(
        text.encode(encoding), PEOPLE, block_bytes=block_bytes, csv=_options(encoding=encoding), keep=block_bytes > 7
    )
    assert [(row["id"], row["name"]) for row in landed.rows] == [(1, "Zoë"), (3, None)]
    assert [(one["line"], one["raw"], one["ordinal"]) for one in landed.rejects] == [(3, '"x","two\nlines ü"', 1)]


@pytest.mark.parametrize("encoding", ["shift_jis", "euc_jp", "gb18030", "iso2022_jp"])
def test_reads_encodings_in_which_bytes_of_a_character_look_like_signs(encoding):
    text = "id,name\n1,表ソ能\n2,日本\n"
    landed = land(text.encode(encoding), PEOPLE, block_bytes=5, csv=_options(encoding=encoding))
    assert [row["name"] for row in landed.rows] == ["表ソ能", "日本"]


@pytest.mark.parametrize(
    ("content", "encoding", "line"),
    [
        (b"id,name\n1,a\n2,\xff\xff\n", "shift_jis", 3),
        (b"id,name\n1,\x81\n", "cp1252", 2),
        ("id,name\n1,a\n".encode("utf-16-le") + b"\x00\xd8x\x00", "utf-16-le", 3),
        (b"id,name\n1,\xe9\n", "ascii", 2),
        (b"id,name\n1,a\n2,\x81", "shift_jis", 3),
    ],
)
def test_bytes_that_are_not_of_the_declared_encoding_refuse_the_file_and_name_the_line(content, encoding, line):
    for block_bytes in (6, 1 << 20):
        with pytest.raises(InvalidData, match=f"line {line} is not .*, in which the contract says that its CSV is"):
            land(content, PEOPLE, block_bytes=block_bytes, csv=_options(encoding=encoding))


def test_a_file_of_utf_16_under_another_encoding_is_told_so():
    with pytest.raises(InvalidData, match="the file is UTF-16, not CSV"):
        land("id,name\n1,a\n".encode("utf-16"), PEOPLE)


def test_columns_of_another_schema_version_may_stand_in_the_header():
    landed = land(b"was,id,name\nx,1,Ada\n", PEOPLE, ignored=frozenset({"was"}))
    assert [(row["id"], row["name"]) for row in landed.rows] == [(1, "Ada")]


cell = st.text(st.sampled_from('ab ";,§\n\réÂ'), max_size=4)


@settings(max_examples=60, deadline=None)
@given(
    cells=st.lists(st.tuples(cell, cell), min_size=1, max_size=6),
    delimiter=st.sampled_from([";", "§", "\t"]),
    encoding=st.sampled_from(["utf-8", "utf-16", "cp1252"]),
    block=st.integers(6, 60),
)
def test_what_was_written_is_read_whatever_the_options(cells, delimiter, encoding, block):
    lines = [
        "a" + delimiter + "b",
        *(delimiter.join(f'"{one.replace(chr(34), chr(34) * 2)}"' for one in row) for row in cells),
    ]
    landed = land(
        "\n".join(lines).encode(encoding),
        columns(a="string", b="string"),
        block_bytes=block,
        csv=_options(encoding=encoding, delimiter=delimiter),
    )
    assert [(row["a"], row["b"]) for row in landed.rows] == cells


def _options(**given):
    return check_csv(CsvOptions(**given))

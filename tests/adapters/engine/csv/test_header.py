"""The header: delimiters, order, and names that do not fit."""

import pytest

from server.kernel.errors import InvalidData
from server.kernel.fields import Field
from tests.adapters.engine.ingest.landing import columns, land

PEOPLE = columns(id="int!", name="string", born="date")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_takes_the_delimiter_under_which_the_header_fits(delimiter):
    text = delimiter.join(["name", "id", "born"]) + "\n" + delimiter.join(['"a,;\t|b"', "1", ""]) + "\n"
    assert land(text.encode(), PEOPLE).rows == [{"id": 1, "name": "a,;\t|b", "born": None}]


def test_prefers_the_comma_where_two_delimiters_fit():
    fields = (Field(name="a", type="string"), Field(name="b;c", type="string"), Field(name="a,b", type="string"))
    landed = land(b"a,b;c\n1,2\n", fields)
    assert landed.rows == [{"a": "1", "b;c": "2", "a,b": None}]


def test_a_decimal_comma_behind_a_semicolon_is_set_aside():
    landed = land(b"id;name\n1,5;x\n", PEOPLE)
    assert [(reject["line"], reject["column"]) for reject in landed.rejects] == [(2, "id")]


def test_a_header_in_quotes_may_run_over_lines():
    fields = (*columns(**{"long\u2028name": "string"}), Field(name="two\nlines", type="int"))
    landed = land('"two\nlines","long\u2028name"\n1,x\ny,z\n'.encode(), fields)
    assert landed.rows == [{"long\u2028name": "x", "two\nlines": 1}]
    assert [reject["line"] for reject in landed.rejects] == [4]


def test_compares_names_in_their_composed_form():
    assert land("prix_the\u0301\n5\n".encode(), columns(**{"prix_th\u00e9": "int"})).rows == [{"prix_th\u00e9": 5}]


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("name,born", "the header lacks 'id', which may not be null; mend line 1"),
        ("id,name,colour", "the header names 'colour', which the schema does not have; mend"),
        ("ID,name", "the header names 'ID', which the schema does not have (it has 'id') and lacks 'id', which"),
        ("id, name", "the header names ' name', which the schema does not have (it has 'name'); mend"),
        ("id,name,id", "the header names 'id' more than once; mend"),
        ("id,name,NAME", "the header names 'name', 'NAME' more than once and names 'NAME', which"),
        ("id,name,", "the header names '', which the schema does not have; mend"),
        ("id;name;colour", "the header names 'colour', which the schema does not have; mend"),
        ("id,na\u200bme", "the header names 'na\\u200bme', which the schema does not have (it has 'name'); mend"),
        (
            "id,a,b,c,d,e,f,g",
            "the header names 'a', 'b', 'c', 'd', 'e' and 2 more, which the schema does not have; mend",
        ),
    ],
)
def test_refuses_a_header_that_does_not_fit_and_says_why(header, says):
    with pytest.raises(InvalidData) as refused:
        land(f"{header}\n1,x\n".encode(), PEOPLE)
    assert says in refused.value.message


def test_gives_programs_the_names_that_do_not_fit():
    with pytest.raises(InvalidData) as refused:
        land(b"name,colour,name\nx,y,z\n", PEOPLE)
    assert refused.value.details == {"missing": ["id"], "unknown": ["colour"], "repeated": ["name"]}


def test_never_repeats_a_first_line_that_may_be_data():
    with pytest.raises(InvalidData) as refused:
        land(b"17,Ada Lovelace,1815-12-10\n", PEOPLE)
    assert refused.value.message == (
        "line 1 names none of the columns; the file must be CSV with a header that names 'id', 'name', 'born':"
        " add it and upload the file again"
    )
    assert "Ada" not in str(refused.value.extensions)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b'id,"na"me\n1,x\n', "the header on line 1 cannot be read: text follows the closing quote of field 2"),
        (b'id,"name\n1,x\n', "the quote that opens on line 1 is never closed"),
        (b"id," + b"x" * 300_000, "line 1 is longer than the 262144 bytes that a header may have"),
        (b"id" + b",x" * 200_000 + b"\n", "the header on line 1 cannot be read: the record is 400002 bytes long"),
    ],
)
def test_refuses_a_header_that_cannot_be_read(text, says):
    with pytest.raises(InvalidData, match=says):
        land(text, PEOPLE)


def test_repeats_no_cell_of_a_row_that_got_into_the_header():
    with pytest.raises(InvalidData) as refused:
        land(b"id,name,7,ada@example.com\n8,jonas@example.org\n", columns(id="int", name="string"))
    assert "holds 2 cells that the schema has no column for" in refused.value.message
    assert "ada" not in refused.value.message
    assert refused.value.details["unknown"] == []

"""How an id is known again in cells and longer texts."""

import base64
import json

import pytest

from server.adapters.engine.erasure.subject import Matcher, Subject


def matcher(text: str) -> Matcher:
    return Matcher(Subject(text=text))


@pytest.mark.parametrize(
    ("subject", "cell"),
    [
        ("C-77", "C-77"),
        ("C-77", "  C-77\t"),
        ("müller", "mu\u0308ller"),
        ("anna@example.org", "Anna@Example.ORG"),
        ("anna@example.org", "anna%40example.org"),
        ("a1b2c3d4-0000-4000-8000-00000000000f", "A1B2C3D4-0000-4000-8000-00000000000F"),
        ("müller", "m%c3%bcller"),
    ],
)
def test_a_cell_that_is_the_id_takes_its_row_along(subject, cell):
    assert matcher(subject).left_of(cell) is None


@pytest.mark.parametrize(
    ("subject", "cell", "left"),
    [
        ("C-77", "c-77", "c-77"),
        ("C-77", "C-770 C-77x xC-77 _C-77", "C-770 C-77x xC-77 _C-77"),
        ("C-77", "of C-77, C-77.", "of [erased], [erased]."),
        ("anna@example.org", "To: ANNA@example.org;", "To: [erased];"),
        ("anna@example.org", "https://x.org/?u=anna%40example.org&v=1", "https://x.org/?u=[erased]&v=1"),
        ("+31 6 12", "q=%2B31%206%2012&r=%2b31+6+12", "q=[erased]&r=[erased]"),
        ("müller", r'{"n": "M\u00fcller m\u00fcller"}', r'{"n": "M\u00fcller [erased]"}'),
        ("anna", "anna\u0308 an anna\nanna", "anna\u0308 an [erased]\n[erased]"),
        ("anna", "20%20anna", "20%20[erased]"),
        ("erased", "was erased", "was []"),
        ("anna", "ANNA and " + base64.b64encode(b"anna").decode(), "ANNA and YW5uYQ=="),
    ],
)
def test_a_longer_text_loses_the_id_as_a_word_only(subject, cell, left):
    assert matcher(subject).left_of(cell) == left


@pytest.mark.parametrize(
    "cell", ['{"a": ["4711"]}', '{"a": 4711}', '{"a": 4711.0}', '{"4711": 1}', '"4711"', '{"a": " 4711 "}']
)
def test_json_that_holds_the_id_in_any_place_takes_its_row_along(cell):
    assert matcher("4711").left_of(cell, is_json=True) is None


def test_json_keeps_its_form_where_words_in_its_strings_go():
    cell = '{ "a":"of 4711\\nand", "n": 47110, "b": "caf\\u00e9 4711 " }'
    left = matcher("4711").left_of(cell, is_json=True)
    assert left == '{ "a":"of [erased]\\nand", "n": 47110, "b": "caf\\u00e9 [erased] " }'
    assert json.loads(left) == {"a": "of [erased]\nand", "n": 47110, "b": "café [erased] "}


def test_the_names_of_columns_and_parts_of_dates_are_no_content():
    whole = '{"name": "x", "day": "2020-01-31", "note": "in 2020-01", "more": {"day": "x 2020"}}'
    assert matcher("name").left_of_json(whole, times={"day"}) == whole
    assert matcher("2020").left_of_json(whole, times={"day"}) == whole.replace("in 2020", "in [erased]").replace(
        "x 2020", "x [erased]"
    )
    assert matcher("2020-01-31").left_of_json(whole, times={"day"}) is None


@pytest.mark.parametrize(
    ("cell", "left"),
    [
        ("4711", None),
        ("+4711", None),
        (" 04711 ", None),
        ("4711.00", None),
        ("4711.50", "4711.50"),
        ("-4711", "-4711"),
        ("4711 kg", "[erased] kg"),
    ],
)
def test_a_number_is_the_id_by_its_value_and_is_never_changed(cell, left):
    assert matcher("4711").left_of_value(cell) == left


def test_a_number_with_a_decimal_comma_is_compared_by_its_value():
    assert matcher("4711").left_of_value("4711,00", comma=True) is None
    assert matcher("4711").left_of_value("4711,01", comma=True) == "4711,01"


def test_an_id_with_leading_zeros_is_no_number():
    assert matcher("0042").left_of_value("42") == "42"
    assert matcher("0042").left_of_value("0042") is None

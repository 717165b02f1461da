import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.kernel.errors import BadUserInput, InvalidData, LimitExceeded, Refused
from server.kernel.fields import Field
from server.kernel.records import lines_of, read_records

FIELDS = (Field(name="n", type="int"), Field(name="price", type="decimal(38,9)"), Field(name="any", type="json"))
DEEP: Any = []
for _ in range(300):
    DEEP = [DEEP]


def refusal(records: list[Any], *, alone: bool = False) -> Refused:
    with pytest.raises(Refused) as caught:
        lines_of(read_records(records, alone=alone), FIELDS)
    return caught.value


@pytest.mark.parametrize(
    ("records", "kind", "saying"),
    [
        ([], BadUserInput, "records is empty"),
        ([{}] * 10_001, LimitExceeded, "records holds 10001; one call takes up to 10000"),
        ([{}, None], BadUserInput, "records[1] is null, not a JSON object"),
        ([{}, {}, {}, [1]], BadUserInput, "records[3] is a list, not a JSON object"),
        (["x"], BadUserInput, "records[0] is a string"),
        ([True], BadUserInput, "records[0] is a boolean"),
        ([1.5], BadUserInput, "records[0] is a number"),
        ([{"n": float("inf")}], BadUserInput, "records[0] holds what JSON cannot carry"),
        ([{}, {"any": {"a": [float("nan")]}}], BadUserInput, "records[1] holds what JSON cannot carry"),
        ([{"n": 2**64}], BadUserInput, "records[0] holds what JSON cannot carry"),
        ([{"n": "\ud800"}], BadUserInput, "records[0] holds what JSON cannot carry"),
        ([{"any": DEEP}], BadUserInput, "records[0] holds what JSON cannot carry"),
    ],
)
def test_refuses_what_are_no_records(records: list[Any], kind: type[Refused], saying: str) -> None:
    refused = refusal(records)
    assert (type(refused), refused.field) == (kind, "records")
    assert saying in refused.message


def test_one_record_alone_is_called_values() -> None:
    refused = refusal([7], alone=True)
    assert refused.message == "values is a number, not a JSON object of columns and their values"
    assert refused.field == "values"


def test_takes_as_many_as_are_allowed() -> None:
    assert len(lines_of(read_records([{}] * 10_000), FIELDS).splitlines()) == 10_000


def test_writes_a_line_for_each_record() -> None:
    records = [{"n": 1, "any": {"deep": ["é", None]}}, {"price": "007.10", "n": None}]
    lines = lines_of(read_records(records), FIELDS)
    assert lines == '{"n":1,"any":{"deep":["é",null]}}\n{"price":7.10,"n":null}\n'.encode()


def test_refuses_decimals_whose_digits_a_number_may_have_lost() -> None:
    sound = [{"price": 0.1}, {"price": 123456789012.345}, {"price": 12345678901234567}]  # the last came as an integer
    lines_of(read_records(sound), FIELDS)
    refused = refusal([*sound, {"price": 0.1 + 0.2}, {"price": 1e15}])
    assert type(refused) is InvalidData
    assert refused.message == (
        "2 of 5 records do not fit the schema"
        " (records[3]: price: over 15 digits, which a JSON number may lose; write it as a string;"
        " records[4]: price: over 15 digits, which a JSON number may lose; write it as a string);"
        " none was taken: mend and send again"
    )
    assert refused.details["rejected"] == 2
    assert [fault["index"] for fault in refused.details["records"]] == [3, 4]


@given(st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**28), max_value=10**28))
def test_a_decimal_as_a_string_keeps_every_digit(value: Decimal) -> None:
    lines = lines_of(read_records([{"price": f"{value:f}"}]), FIELDS)
    assert json.loads(lines, parse_float=Decimal, parse_int=Decimal)["price"] == value


@given(st.integers(-(10**15) + 1, 10**15 - 1), st.integers(0, 9))
def test_a_decimal_of_15_digits_may_come_as_a_number(digits: int, scale: int) -> None:
    value = Decimal(digits).scaleb(-scale)
    lines = lines_of(read_records([{"price": float(value)}]), FIELDS)
    assert json.loads(lines, parse_float=Decimal, parse_int=Decimal)["price"] == value


@pytest.mark.parametrize("text", ["", "1e3", "NaN", "1,5", "0x10", "1_000", "١", "--1", "1."])  # noqa: RUF001
def test_other_strings_in_a_decimal_are_left_to_the_judgement_of_files(text: str) -> None:
    assert json.loads(lines_of(read_records([{"price": text}]), FIELDS))["price"] == text

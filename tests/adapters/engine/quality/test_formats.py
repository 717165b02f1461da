import ipaddress
import string
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stdnum import iban, luhn, numdb
from stdnum.iso7064 import mod_97_10

from server.adapters.engine.quality.check import check_quality
from server.adapters.engine.quality.context import RuleContext
from server.adapters.engine.quality.expressions import fails
from server.adapters.engine.quality.formats import IBAN_LENGTHS
from server.adapters.engine.quality.rules import ready
from server.adapters.engine.quality.tables import CheckTables
from server.kernel.fields import Field
from server.kernel.quality import QualityRule
from server.kernel.quality_checks import Format, Formatted
from tests.adapters.engine.batches import sandboxed, write_batch

FIELDS = (Field(name="text", type="string"),)
CONTEXT = RuleContext(now=datetime(2024, 2, 1, tzinfo=UTC), batch="b1")
LENGTHS = {country: size for size, countries in IBAN_LENGTHS.items() for country in countries.split()}
MANY = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(name="cursor")
def _cursor(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    session = sandboxed(tmp_path)
    yield session.cursor()
    session.close()


def failing(
    cursor: duckdb.DuckDBPyConnection, folder: Path, form: str, texts: Sequence[str | None]
) -> list[str | None]:
    """The texts that are not of the format, as the rule counts them and as its expression tells them one by one."""
    path = write_batch(folder / "batch.parquet", FIELDS, [{"text": text} for text in texts])
    rule = QualityRule(column="text", check=f"is {form}")
    tables = CheckTables(path, FIELDS, [ready(rule, FIELDS)], CONTEXT)
    fails_each = fails(Formatted(format=Format(form)), tables.rows, FIELDS[0])
    told = tables.fetch(cursor, tables.rows.select("_id", "text", failing=fails_each).order_by("_id"))
    assert [text for _, text, fails in told if fails is None] == [text for text in texts if text is None]
    found = [text for _, text, fails in told if fails]
    outcome = check_quality(cursor, path, FIELDS, [rule], context=CONTEXT)
    assert outcome.results[0].failed_rows == len(found)
    assert [sample["text"] for sample in outcome.samples[0]] == found[:5]
    return found


EMAILS = [
    "jane.doe@example.com",
    "j@x.io",
    "o'brien+tag@mail.example.co.uk",
    "用户@例子.广告",
    "jürgen@müller.de",
    "a" * 64 + "@example.com",
    "x@" + "b" * 63 + ".com",
    "1_2-3@123.example",
]
NO_EMAILS = [
    "",
    "jane",
    "@example.com",
    "jane@",
    "jane@localhost",
    "jane@example.c",
    "jane@example.123",
    "jane@@example.com",
    "jane@ex ample.com",
    ".jane@example.com",
    "jane.@example.com",
    "ja..ne@example.com",
    "jane@-example.com",
    "jane@example-.com",
    "jane@example..com",
    "jane@example.com.",
    " jane@example.com",
    "jane@example.com\n",
    "a" * 65 + "@example.com",
    "x@" + "b" * 64 + ".com",
    "x@" + ".".join(["b" * 60] * 4) + ".example.com",
    "Jane <jane@example.com>",
]
UUIDS = ["123e4567-e89b-12d3-a456-426614174000", "FFFFFFFF-ffff-FFFF-ffff-FFFFFFFFFFFF", str(uuid.UUID(int=0))]
NO_UUIDS = [
    "",
    "123e4567e89b12d3a456426614174000",
    "{123e4567-e89b-12d3-a456-426614174000}",
    UUIDS[0] + "\n",
    "g" + UUIDS[0][1:],
]
IBANS = ["GB29NWBK60161331926819", "NL91 ABNA 0417 1643 00", "NO9386011117947", "MT84MALT011000012345MTLCAST001S"]
NO_IBANS = [
    "",
    "GB29NWBK60161331926818",
    "GB29NWBK6016133192681",
    "gb29nwbk60161331926819",
    "XX29NWBK60161331926819",
    "GB29-NWBK-6016-1331-9268-19",
    "GB29NWBK60161331926819\n",
    "NL91ABNA041716430É",
]
CARDS = ["4111111111111111", "5500 0055 5555 5559", "3782-822463-10005", "6304000000000000", "4012888888881881"]
NO_CARDS = [
    "",
    "4111111111111112",
    "411111111111111",
    "0000000000000000",
    "4111.1111.1111.1111",
    "41111111111111111111111",
    "٤١١١",
]
IPS = [
    "127.0.0.1",
    "255.255.255.255",
    "0.0.0.0",
    "::",
    "::1",
    "2001:db8::ff00:42:8329",
    "1:2:3:4:5:6:7::",
    "::ffff:192.0.2.1",
]
NO_IPS = [
    "",
    "256.0.0.1",
    "1.2.3",
    "1.2.3.4.5",
    "01.2.3.4",
    "1.2.3.4/24",
    ":::",
    "1::2::3",
    "12345::",
    "fe80::1%eth0",
    "1:2:3:4:5:6:7:8:9",
    "::1\n",
]


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        ("email", EMAILS, NO_EMAILS),
        ("uuid", UUIDS, NO_UUIDS),
        ("iban", IBANS, NO_IBANS),
        ("credit_card", CARDS, NO_CARDS),
        ("ip", IPS, NO_IPS),
    ],
)
def test_tells_texts_of_a_format_from_others(
    cursor: duckdb.DuckDBPyConnection, tmp_path: Path, form: str, good: list[str], bad: list[str]
) -> None:
    assert failing(cursor, tmp_path, form, [*good, None, *bad, None]) == bad


def test_the_lengths_are_those_of_the_registry() -> None:
    registry = numdb.get("iban")
    for one in string.ascii_uppercase:
        for two in string.ascii_uppercase:
            info = registry.info(one + two)[0][1]
            parts = info.get("bban", "").replace("!", " ").split() if info else []
            sizes = [int("".join(filter(str.isdigit, part))) for part in parts if any(map(str.isdigit, part))]
            assert LENGTHS.get(one + two) == (sum(sizes) + 4 if info else None), one + two


DIGITS = st.text(string.digits, min_size=10, max_size=20)
COMPLETED = DIGITS.map(lambda text: text[:-1] + luhn.calc_check_digit(text[:-1]))


@MANY
@given(st.lists(DIGITS | COMPLETED, min_size=1, max_size=8))
def test_the_digits_of_a_card_add_up_as_luhn_says(
    cursor: duckdb.DuckDBPyConnection, tmp_path: Path, texts: list[str]
) -> None:
    wrong = [text for text in texts if not (12 <= len(text) <= 19 and text[0] != "0" and luhn.is_valid(text))]
    assert failing(cursor, tmp_path, "credit_card", texts) == wrong


@st.composite
def accounts(draw: st.DrawFn) -> str:
    """A number of a country, or of one that has none, with the right check digits or with any."""
    country = draw(st.sampled_from([*LENGTHS, "US", "QQ"]))
    size = LENGTHS.get(country, 20) - 4 + draw(st.sampled_from([0, 0, 0, 1, -1]))
    rest = draw(st.text(string.digits + string.ascii_uppercase, min_size=size, max_size=size))
    check = draw(st.sampled_from([mod_97_10.calc_check_digits(rest + country), "00", "42"]))
    return country + check + rest


@MANY
@given(st.lists(accounts(), min_size=1, max_size=8))
def test_an_iban_has_its_country_s_length_and_a_remainder_of_one(
    cursor: duckdb.DuckDBPyConnection, tmp_path: Path, texts: list[str]
) -> None:
    wrong = [t for t in texts if len(t) != LENGTHS.get(t[:2]) or not mod_97_10.is_valid(t[4:] + t[:4])]
    assert failing(cursor, tmp_path, "iban", texts) == wrong
    assert [text for text in wrong if iban.is_valid(text)] == []


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


ADDRESSES = st.ip_addresses().map(str) | st.ip_addresses(v=6).map(lambda ip: ip.exploded)
NEAR = st.text("0123456789abcfF:.", max_size=24) | st.lists(
    st.sampled_from(["0", "1", "ffff", "::", ":", "1.2.3.4", "."]), max_size=12
).map("".join)


@MANY
@given(st.lists(ADDRESSES | NEAR, min_size=1, max_size=12))
def test_an_address_is_what_the_standard_library_takes(
    cursor: duckdb.DuckDBPyConnection, tmp_path: Path, texts: list[str]
) -> None:
    assert failing(cursor, tmp_path, "ip", texts) == [text for text in texts if not is_address(text)]

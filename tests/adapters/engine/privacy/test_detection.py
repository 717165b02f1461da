"""Suggestions: what is planted is found, what is not personal is left alone, and no value leaves."""

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from server.adapters.engine.privacy import detection_values as values_like
from server.adapters.engine.privacy.detection import detected, suggest
from server.adapters.engine.privacy.detection_names import Hint, hints
from server.kernel.fields import Field
from server.kernel.personal import STRATEGIES, PersonalKind, Suggestion, proposed
from server.kernel.privacy import PrivacyRule, PrivacyStrategy, check_privacy
from tests.adapters.engine.batches import sandboxed, write_batch
from tests.adapters.engine.privacy.personal_columns import (
    NATIONAL,
    OTHERS,
    Maker,
    card,
    email,
    iban,
    ip,
    local_phone,
    phone,
)

SEEDS = range(20)


@pytest.fixture(name="cursor")
def _cursor(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    session = sandboxed(tmp_path)
    yield session.cursor()
    session.close()


def kind_of(name: str, values: Sequence[str]) -> PersonalKind | None:
    found = detected(Field(name=name, type="string"), list(dict.fromkeys(values)))
    return None if found is None else found.kind


@pytest.mark.parametrize(
    ("maker", "test", "recall"),
    [
        (card, values_like.is_credit_card, 0.98),
        (iban, values_like.is_iban, 0.98),
        (email, values_like.is_email, 0.95),
        (ip, values_like.is_ip, 0.95),
        (phone, values_like.is_international_phone, 0.95),
        *((NATIONAL[module], values_like.national_number(module), 0.98) for module in NATIONAL),
    ],
)
def test_planted_values_are_recognised(maker: Maker, test: Callable[[str], bool], recall: float) -> None:
    chance = random.Random(1)
    planted = [maker(chance) for _ in range(1000)]
    assert sum(map(test, planted)) / len(planted) >= recall


@pytest.mark.parametrize(
    ("maker", "kind"),
    [
        (card, PersonalKind.CREDIT_CARD),
        (iban, PersonalKind.IBAN),
        (email, PersonalKind.EMAIL),
        (ip, PersonalKind.IP),
        (phone, PersonalKind.PHONE),
        (local_phone, PersonalKind.PHONE),
        *((maker, PersonalKind.NATIONAL_ID) for maker in NATIONAL.values()),
    ],
)
def test_planted_columns_are_found_whatever_their_name(maker: Maker, kind: PersonalKind) -> None:
    for seed in SEEDS:
        chance = random.Random(seed)
        assert kind_of("f3", [*(maker(chance) for _ in range(40)), "unknown"]) is kind


def test_hardly_any_other_column_is_flagged() -> None:
    wrong = [
        (name, seed, size, kind.value)
        for name, maker in OTHERS.items()
        for seed in SEEDS
        for size in (1, 3, 10, 60)
        if (kind := kind_of(name, [maker(random.Random(f"{name} {seed} {place}")) for place in range(size)]))
    ]
    assert len(wrong) <= 0.01 * len(OTHERS) * len(SEEDS) * 4, wrong


def test_a_name_speaks_for_few_values() -> None:
    assert kind_of("card", ["4111 1111 1111 1111"]) is PersonalKind.CREDIT_CARD
    assert kind_of("code", ["4111111111111111"]) is None
    assert kind_of("code", ["536-90-4399"]) is None
    assert kind_of("Customer SSN", ["536-90-4399"]) is PersonalKind.NATIONAL_ID
    assert kind_of("nhs_number", ["943 476 5919"]) is PersonalKind.NATIONAL_ID
    assert kind_of("isbn10", ["0306406152", "0140449132", "0596520689"] * 3) is None


@pytest.mark.parametrize(
    ("column", "value", "kind"),
    [
        ("FirstName", "Zoë", PersonalKind.NAME),
        ("nachname", "von der Leyen", PersonalKind.NAME),
        ("customer_name", "O'Neil, J. ", None),
        ("street", "12 High Street", PersonalKind.ADDRESS),
        ("Straße", "Hauptstraße 5", PersonalKind.ADDRESS),
        ("ip_address", "not an address", None),
        ("postal_code", "SW1A 1AA", PersonalKind.ADDRESS),
        ("dob", "1990-05-17", PersonalKind.DATE_OF_BIRTH),
        ("birth_year", "1990", PersonalKind.DATE_OF_BIRTH),
        ("birth_weight", "3200", None),
        ("mobile", "0171 2345678", PersonalKind.PHONE),
        ("mobile", "yes", None),
        ("remark", "please write to jane@example.com or call", PersonalKind.OTHER),
        ("remark", "paid from DE89 3704 0044 0532 0130 00 TODAY", PersonalKind.OTHER),
        ("remark", "ring +44 20 7946 0958.", PersonalKind.OTHER),
        ("remark", "card 4111 1111 1111 1111 was refused", PersonalKind.OTHER),
        ("remark", "nothing here @ all", None),
    ],
)
def test_names_and_texts(column: str, value: str, kind: PersonalKind | None) -> None:
    assert kind_of(column, [value]) is kind


def test_a_table_is_read_by_column(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    fields = [
        Field(name="customer", type="string", primary_key=True),
        Field(name="name", type="string"),
        Field(name="Phone", type="int"),
        Field(name="born", type="date"),
        Field(name="amount", type="decimal(10,2)"),
        Field(name="zip", type="string"),
        Field(name="size", type="string"),
    ]
    rows: list[dict[str, Any]] = [
        {
            "customer": f"user{place}@example.com" if place % 4 else f"  user{place}",
            "name": "Jane Doe" if place % 2 else "John Roe",
            "Phone": 2125550000 + place,
            "born": date(1990, 1, 1 + place % 28),
            "zip": f"{10000 + place}",
            "size": None,
        }
        for place in range(40)
    ]
    bronze = write_batch(tmp_path / "bronze.parquet", fields, rows)
    assert suggest(cursor, bronze, fields) == (
        suggestion("customer", PersonalKind.EMAIL, 0.75, PrivacyStrategy.PSEUDONYMIZE),
        suggestion("name", PersonalKind.NAME, 1.0, PrivacyStrategy.REDACT),
        suggestion("Phone", PersonalKind.PHONE, 1.0, PrivacyStrategy.MASK),
        suggestion("born", PersonalKind.DATE_OF_BIRTH, 1.0, PrivacyStrategy.GENERALIZE),
        suggestion("zip", PersonalKind.ADDRESS, 1.0, PrivacyStrategy.GENERALIZE),
    )


def suggestion(column: str, kind: PersonalKind, fraction: float, strategy: PrivacyStrategy) -> Suggestion:
    return Suggestion(column=column, kind=kind, matched_fraction=fraction, strategy=strategy)


def test_a_bare_name_alone_is_nobodys(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    fields = [Field(name="name", type="string"), Field(name="price", type="float")]
    bronze = write_batch(tmp_path / "bronze.parquet", fields, [{"name": "Blue Chair", "price": 2.5}])
    assert suggest(cursor, bronze, fields) == ()
    assert suggest(cursor, bronze, fields[1:]) == ()


def test_rare_values_of_a_large_file_are_met(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    fields = [Field(name="remark", type="string")]
    rows = [{"remark": f"row {place}" + (" of x@example.com" if place > 35_000 else "")} for place in range(40_000)]
    bronze = write_batch(tmp_path / "bronze.parquet", fields, rows, row_group=5_000)
    (found,) = suggest(cursor, bronze, fields)
    assert found.kind is PersonalKind.OTHER
    assert 0.05 < found.matched_fraction < 0.2  # an eighth of the rows, which stand at the end


def test_an_empty_batch_suggests_nothing(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    fields = [Field(name="email", type="string")]
    assert suggest(cursor, write_batch(tmp_path / "bronze.parquet", fields, []), fields) == ()


@pytest.mark.parametrize("kind", PersonalKind)
@pytest.mark.parametrize("type_text", ["string", "int", "date", "datetime", "json"])
def test_what_is_proposed_fits_the_column(kind: PersonalKind, type_text: str) -> None:
    field = Field(name="it", type=type_text)
    strategy = proposed(kind, field)
    assert strategy is STRATEGIES[kind] or strategy is PrivacyStrategy.REDACT
    params = {"to": "year"} if type_text.startswith("date") else {"step": 10}
    given = params if strategy is PrivacyStrategy.GENERALIZE else {}
    if type_text != "json":  # no date of birth is found in JSON
        check_privacy([PrivacyRule(column="it", strategy=strategy, params=given)], [field])
    assert proposed(kind, Field(name="it", type=type_text, primary_key=True)) is PrivacyStrategy.PSEUDONYMIZE


@pytest.mark.parametrize(
    ("column", "hinted"),
    [
        ("e-mail", {Hint.EMAIL}),
        ("customerEmailAddress", {Hint.EMAIL}),
        ("Téléphone", {Hint.PHONE}),
        ("MAC address", set()),
        ("product name", set()),
        ("date of birth", {Hint.BIRTH}),
        ("日本語", set()),
    ],
)
def test_the_words_of_a_name_are_hints(column: str, hinted: set[Hint]) -> None:
    assert hints(column) == hinted

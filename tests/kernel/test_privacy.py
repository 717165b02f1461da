import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.kernel.errors import BadUserInput
from server.kernel.fields import Field
from server.kernel.privacy import (
    PrivacyRule,
    PrivacyStrategy,
    check_privacy,
    masked_type,
    privacy_schema,
)
from server.kernel.privacy_mask import hides, masked
from server.kernel.privacy_params import keep_last

EMAIL = Field(name="email", type="string", nullable=False, pii=True, primary_key=True, subject_key=True)
AMOUNT = Field(name="amount", type="decimal(10,2)", nullable=False, description="in euro")
DATE = Field(name="born", type="date", pii=True)
FIELDS = (EMAIL, AMOUNT)
PARAMS = {PrivacyStrategy.NOISE: {"scale": 2}}


def rule(column: str, strategy: PrivacyStrategy, params: dict[str, Any] | None = None) -> PrivacyRule:
    return PrivacyRule(column=column, strategy=strategy, params=params)


def test_takes_rules_that_fit_the_schema() -> None:
    rules = (
        rule("email", PrivacyStrategy.MASK, {"keepLast": 0}),
        rule("amount", PrivacyStrategy.KEEP, {}),
    )
    assert check_privacy(rules, FIELDS) == rules


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ([rule("emial", PrivacyStrategy.MASK)], "column 'emial' is not in the schema; did you mean 'email'?"),
        ([rule("email", PrivacyStrategy.MASK), rule("email", PrivacyStrategy.KEEP)], "'email' has two privacy rules"),
        ([rule("email", PrivacyStrategy.MASK, {"keepLast": 9})], "whole number from 0 to 8"),
        ([rule("email", PrivacyStrategy.MASK, {"keepLast": -1})], "whole number from 0 to 8"),
        ([rule("email", PrivacyStrategy.MASK, {"keepLast": True})], "whole number from 0 to 8"),
        ([rule("email", PrivacyStrategy.MASK, {"keepLast": 2.0})], "whole number from 0 to 8"),
        ([rule("email", PrivacyStrategy.MASK, {"keepLast": None})], "whole number from 0 to 8"),
        ([rule("email", PrivacyStrategy.MASK, {"keep_last": 2})], "takes only keepLast; leave out 'keep_last'"),
        ([rule("email", PrivacyStrategy.HASH, {"keepLast": 2})], "takes only normalize; leave out 'keepLast'"),
        ([rule("email", PrivacyStrategy.HASH, {"normalize": 1})], "normalize of column 'email' must be true or false"),
        ([rule("amount", PrivacyStrategy.HASH, {"normalize": True})], "and 'amount' is decimal(10,2); leave it out"),
        ([rule("email", PrivacyStrategy.PSEUDONYMIZE, {"a": 1})], "PSEUDONYMIZE of column 'email' takes no parameter"),
        ([rule("email", PrivacyStrategy.DROP, {"a": 1, "b": 2})], "leave out 'a', 'b'"),
        ([rule("email", PrivacyStrategy.DROP), rule("amount", PrivacyStrategy.DROP)], "drop every column"),
    ],
)
def test_refuses_rules_that_do_not_fit(rules: list[PrivacyRule], message: str) -> None:
    with pytest.raises(BadUserInput) as refused:
        check_privacy(rules, FIELDS)
    assert message in refused.value.message


def test_an_unknown_strategy_does_not_exist() -> None:  # the seed passed MASK to an engine that knew "masking"
    with pytest.raises(ValueError, match="masking"):
        PrivacyStrategy("masking")


def test_a_mask_keeps_the_last_four_unless_told_otherwise() -> None:
    assert keep_last("email", {}) == 4
    assert keep_last("email", {"keepLast": 8}) == 8


@pytest.mark.parametrize(
    ("strategy", "became"),
    [
        (PrivacyStrategy.MASK, "string"),
        (PrivacyStrategy.HASH, "string"),
        (PrivacyStrategy.PSEUDONYMIZE, "string"),
        (PrivacyStrategy.NOISE, "decimal(10,2)"),
        (PrivacyStrategy.REDACT, "decimal(10,2)"),
        (PrivacyStrategy.KEEP, "decimal(10,2)"),
        (PrivacyStrategy.DROP, None),
    ],
)
def test_each_strategy_declares_the_type_that_it_leaves(strategy: PrivacyStrategy, became: str | None) -> None:
    assert masked_type(AMOUNT, rule("amount", strategy, PARAMS.get(strategy))) == became


def test_bands_become_labels_and_other_coarse_values_keep_their_type() -> None:
    bands, step = ({"bands": [0, 18]}, {"step": 0.5})
    assert masked_type(AMOUNT, rule("amount", PrivacyStrategy.GENERALIZE, bands)) == "string"
    assert masked_type(AMOUNT, rule("amount", PrivacyStrategy.GENERALIZE, step)) == "decimal(10,2)"
    assert masked_type(EMAIL, rule("email", PrivacyStrategy.GENERALIZE, {"prefix": 3})) == "string"
    assert masked_type(DATE, rule("born", PrivacyStrategy.GENERALIZE, {"to": "year"})) == "date"


def test_the_schema_says_what_the_columns_became() -> None:
    key: dict[str, Any] = {"name": "email", "type": "string", "pii": True}
    became = {
        PrivacyStrategy.MASK: Field(**key, nullable=False),
        PrivacyStrategy.HASH: Field(**key, nullable=False, primary_key=True),
        PrivacyStrategy.PSEUDONYMIZE: Field(**key, nullable=False, primary_key=True),
        PrivacyStrategy.REDACT: Field(**key, nullable=True),
        PrivacyStrategy.KEEP: EMAIL,
    }
    for strategy, field in became.items():
        assert privacy_schema(FIELDS, [rule("email", strategy)]) == (field, AMOUNT)
    alike = rule("email", PrivacyStrategy.HASH, {"normalize": True})  # two keys may become one
    assert privacy_schema(FIELDS, [alike]) == (Field(**key, nullable=False), AMOUNT)
    coarse = rule("email", PrivacyStrategy.GENERALIZE, {"prefix": 3})
    assert privacy_schema(FIELDS, [coarse]) == (Field(**key, nullable=False), AMOUNT)
    assert privacy_schema(FIELDS, [rule("email", PrivacyStrategy.DROP)]) == (AMOUNT,)
    assert privacy_schema(FIELDS, [rule("amount", PrivacyStrategy.HASH)])[1] == Field(
        name="amount", type="string", nullable=False, description="in euro"
    )
    assert privacy_schema(FIELDS, []) == FIELDS


@pytest.mark.parametrize(
    ("text", "keep", "shown"),
    [
        ("", 4, ""),
        ("a", 4, "*"),
        ("a", 0, "*"),
        ("abcde", 4, "*****"),  # the seed showed 4 of 5 characters
        ("abcdefg", 4, "*******"),
        ("abcdefgh", 4, "****efgh"),
        ("abcdefgh", 0, "********"),
        ("4111 1111 1111 1234", 4, "**** **** **** 1234"),
        ("+44 20 7946 0958", 4, "+** ** **** 0958"),
        ("12-34-567", 4, "**-**-***"),  # seven digits are fewer than twice four
        ("jane.doe@example.com", 4, "j***@example.com"),
        ("jane.doe@example.com", 0, "j***@example.com"),
        ("jane.m.doe@mail.example.co.uk", 4, "j***@mail.example.co.uk"),
        ("@x.com", 4, "@*.***"),  # the seed raised an IndexError
        ("a@b@c", 4, "*@*@*"),
        ("a@b.com", 4, "*@*.***"),
        ("jane@localhost", 4, "****@*****host"),
        ("jane doe@example.com", 4, "**** ***@*******.com"),
        ("jane@example.com\n", 4, "****@*******.com\n"),
        ("****", 4, "****"),
        ("Zoë", 4, "***"),
        ("Łukasz Kowalski", 4, "****** ****lski"),
        ("李小龙先生您好啊", 4, "****生您好啊"),
        ("e\u0301e\u0301", 1, "***\u0301"),
        ("太郎山@例え.テスト", 4, "***@**.テスト"),
    ],
)
def test_masks(text: str, keep: int, shown: str) -> None:
    assert masked(text, keep) == shown


@settings(deadline=None)
@given(st.text(max_size=40), st.integers(0, 8))
def test_a_mask_shows_at_most_the_last_characters_and_at_most_half(text: str, keep: int) -> None:
    shown = masked(text, keep)
    if not re.fullmatch(r"[^@\x00-\x20]{2,}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", text):
        assert len(shown) == len(text)
        readable = [
            place
            for place, (new, old) in enumerate(zip(shown, text, strict=True))
            if hides(old) and not (new == "*" and old != "*")
        ]
        assert all(place >= len(text) - keep for place in readable)
        assert 2 * len(readable) <= sum(map(hides, text))
        assert all(new in ("*", old) for new, old in zip(shown, text, strict=True))


@settings(deadline=None)
@given(st.from_regex(r"\A[a-z0-9.+]{2,20}@[a-z]{1,8}\.[a-z]{2,3}\Z"), st.integers(0, 8))
def test_an_address_shows_its_first_letter_and_its_domain(address: str, keep: int) -> None:
    local, _, domain = address.partition("@")
    assert masked(address, keep) == f"{local[0]}***@{domain}"

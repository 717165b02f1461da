"""The page about rules says what the code does: its examples are read, its masks are made."""

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from server.kernel.fields import Field, TypeName
from server.kernel.privacy import KEEP_LAST_DEFAULT, KEEP_LAST_MOST, PrivacyRule, PrivacyStrategy, check_privacy
from server.kernel.privacy_mask import masked
from server.kernel.quality import QualityRule, Severity
from server.kernel.quality_checks import Check
from server.kernel.quality_grammar import WORDS, parse_check
from server.kernel.quality_schema import check_rule

PAGE = (Path(__file__).parents[1] / "docs" / "rules.md").read_text(encoding="utf-8")


def table(first_heading: str) -> list[list[str]]:
    """The rows of the one table whose first column has this heading."""
    found = re.findall(rf"^\| {first_heading} \|.*\n\|[ |-]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    assert len(found) == 1
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in found[0].splitlines()]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_example_of_a_check_is_read() -> None:
    kinds = {type(parse_check(example)) for row in table("check") for example in code(row[2])}
    assert kinds == set(get_args(Check))


def test_every_keyword_of_the_grammar_is_on_the_page() -> None:
    keywords = [word for terminal, word in WORDS.items() if terminal.startswith("_")]
    assert len(keywords) == 9
    listed = " ".join(part for row in table("check") for part in code(row[0]) + code(row[2])).split()
    assert [word for word in keywords if word not in listed] == []


def test_the_rules_written_as_json_fit() -> None:
    quality, privacy = map(json.loads, re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
    fields = [Field(name="amount", type="decimal"), Field(name="card", type="string")]
    check_rule(QualityRule(**quality | {"severity": Severity(quality["severity"])}), fields)
    check_privacy([PrivacyRule(**privacy | {"strategy": PrivacyStrategy(privacy["strategy"])})], fields)


def test_every_type_has_an_example_that_fits() -> None:
    rows = table("column")
    assert [row[0].partition("(")[0] for row in rows] == [each.value for each in TypeName]
    for name, _, example in rows:
        field = Field(name="column", type=name.replace("p,s", "10,2"))
        check_rule(QualityRule(column="column", check=code(example)[0]), [field])


@pytest.mark.parametrize(("value", "keep", "mask"), table("value"))
def test_every_mask_is_as_shown(value: str, keep: str, mask: str) -> None:
    assert masked(code(value)[0], int(keep)) == code(mask)[0]


def test_every_strategy_is_listed_and_the_first_example_is_true() -> None:
    rows = table("strategy")
    assert [code(row[0])[0] for row in rows] == [each.value for each in PrivacyStrategy]
    before, after = code(rows[0][3])
    assert masked(before, KEEP_LAST_DEFAULT) == after
    assert f"(0 to {KEEP_LAST_MOST}, {KEEP_LAST_DEFAULT} unless given)" in PAGE

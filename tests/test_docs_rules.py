"""The page about rules says what the code does: its examples are read, its masks are made."""

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from server.kernel.fields import Field, TypeName, parse_type
from server.kernel.personal import STRATEGIES
from server.kernel.privacy import PrivacyRule, PrivacyStrategy, check_privacy
from server.kernel.privacy_mask import masked
from server.kernel.privacy_params import KEEP_LAST_DEFAULT, KEEP_LAST_MOST, ToBand, generalization
from server.kernel.quality import MAX_RULES, MAX_RULES_TEXT, QualityRule, Severity
from server.kernel.quality_checks import Check, Format, Measure
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


TABLES = ("check", "whole batch", "condition")


def test_every_example_of_a_check_is_read() -> None:
    kinds = {type(parse_check(example)) for name in TABLES for row in table(name) for example in code(row[2])}
    assert kinds == set(get_args(Check))


def test_every_check_in_the_prose_is_read() -> None:
    quality = PAGE[PAGE.index("## Quality rules") : PAGE.index("## Privacy rules")]
    for check in ('unique with (order_id, "size 3"" x 4""")', "in dataset users.user_id", "= 'it''s'"):
        assert f"`{check}`" in quality
        parse_check(check)


def test_every_keyword_of_the_grammar_is_on_the_page() -> None:
    keywords = [word for terminal, word in WORDS.items() if terminal.startswith("_")]
    assert len(keywords) == 16
    cells = [part for name in TABLES for row in table(name) for part in code(row[0]) + code(row[2])]
    listed = " ".join(cells).split()
    assert [word for word in (*keywords, *Measure) if word not in listed] == []
    assert [code(row[0])[0] for row in table("format")] == list(Format)


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


def test_every_kind_is_listed_with_what_is_proposed_for_it() -> None:
    listed = {
        kind: strategy for row in table("kind") for kind, strategy in zip(code(row[0]), code(row[2]), strict=True)
    }
    assert listed == {kind.value: strategy.value for kind, strategy in STRATEGIES.items()}


def test_every_way_to_generalize_is_read() -> None:
    kinds = {"to": "date", "step": "int", "bands": "int", "prefix": "string"}
    ways = [json.loads(code(row[0])[0]) for row in table("params")]
    assert [next(iter(way)) for way in ways] == list(kinds)
    for way, kind in zip(ways, kinds.values(), strict=True):
        generalization("column", parse_type(kind), way)
    bands = generalization("column", parse_type("int"), {"bands": [0, 18, 30]})
    assert isinstance(bands, ToBand)
    assert f"Bands of an int are {', '.join(f'`{label}`' for label in bands.labels)}" in PAGE


def test_the_bounds_of_rules_are_told() -> None:
    assert f"up to {MAX_RULES} quality rules whose texts have up to {MAX_RULES_TEXT:,} char" in PAGE.replace("\n", " ")

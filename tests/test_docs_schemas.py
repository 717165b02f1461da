"""The page about schemas says what the table of changes says."""

import re
from pathlib import Path

from server.adapters.schemas.formats import MAX_TEXT, SchemaFormat
from server.adapters.schemas.json_text import MAX_DEPTH
from server.adapters.schemas.odcs import MAX_DEPTH as YAML_DEPTH
from server.adapters.schemas.odcs import MAX_EVENTS
from server.adapters.schemas.sql_ddl import MAX_PARTS
from server.kernel.compatibility import INT_DIGITS, Reading
from server.kernel.compatibility_rules import RULES, Compatibility

PAGE = (Path(__file__).parents[1] / "docs" / "schemas.md").read_text(encoding="utf-8")


def table(first_heading: str) -> list[list[str]]:
    """The rows of the one table whose first column has this heading."""
    found = re.findall(rf"^\| {first_heading} \|.*\n\|[ |-]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    assert len(found) == 1
    return [[cell.strip() for cell in row.strip().strip("|").split("|")] for row in found[0].splitlines()]


def test_every_row_of_the_table_of_changes_is_as_shown() -> None:
    shown = {row[0]: tuple(cell == "yes" for cell in row[1:]) for row in table("change")}
    assert shown == {
        kind.value: (rule.backward is not None, rule.forward is not None, rule.consumers)
        for kind, rule in RULES.items()
    }


def test_every_mode_reading_and_format_is_shown() -> None:
    assert {row[0].strip("`") for row in table("mode")} == set(Compatibility)
    assert [row[0] for row in table("reading")] == list(Reading)
    assert [row[0].strip("`") for row in table("format")] == list(SchemaFormat)


def test_the_bounds_are_as_shown() -> None:
    assert f"at least {INT_DIGITS} digits before the point" in PAGE
    assert f"at most {MAX_TEXT:,} characters" in PAGE
    assert f"at most {MAX_PARTS:,} parts" in PAGE.replace("\n", " ")
    assert MAX_PARTS == MAX_EVENTS
    assert f"at most {MAX_DEPTH} levels" in PAGE
    assert MAX_DEPTH == YAML_DEPTH

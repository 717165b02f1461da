"""The operations that docs/compliance.md shows are ones that the graph takes."""

import re
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "compliance.md"
SCHEMA = ROOT / "graphql_schema" / "schema.graphql"
OPERATIONS = re.findall(r"```graphql\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


def test_the_page_shows_operations() -> None:
    assert len(OPERATIONS) >= 6


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_graph_takes_what_the_page_shows(operation: str) -> None:
    assert validate(build_schema(SCHEMA.read_text("utf-8")), parse(operation)) == []

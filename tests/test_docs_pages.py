"""The pages in docs/ and README.md name what is there: files, links, error codes, the parts of a decision."""

import re
from collections import defaultdict
from pathlib import Path

import pytest

from server.http.refusals import STATUS
from server.kernel.errors import Refused

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")])
DECISIONS = sorted((DOCS / "decisions").glob("*.md"))
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
ROOMS = ("server", "graphql_schema", "migrations")
OWN_FILE = re.compile(rf"`((?:{'|'.join(ROOMS)})/[\w/.]+)`")
CODE_OF_THE_LAYER = re.compile(r'"(GRAPHQL_[A-Z_]+|INTERNAL)"')


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the one table whose first column has this heading."""
    found = re.findall(rf"^\| {heading} \|.*\n\|[ |-]+\n((?:\|.*\n)+)", page, re.MULTILINE)
    assert len(found) == 1
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in found[0].splitlines()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_is_named_is_there(page: Path) -> None:
    named = OWN_FILE.findall(page.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_tour_goes_through_every_room() -> None:
    stops = OWN_FILE.findall((DOCS / "tour.md").read_text(encoding="utf-8"))
    assert len(stops) > 30
    rooms = {stop.rpartition("/")[0] for stop in stops}
    assert {"graphql_schema", "server/http/graphql", "server/mesh/batch", "server/adapters/store"} <= rooms


def test_every_error_code_stands_on_its_page_once() -> None:
    page = (DOCS / "errors.md").read_text(encoding="utf-8")
    sources = [file.read_text(encoding="utf-8") for room in ROOMS for file in (ROOT / room).rglob("*.py")]
    codes = {code for source in sources for code in CODE_OF_THE_LAYER.findall(source)}
    assert codes == {"INTERNAL", "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"}
    codes |= {refusal.code for refusal in Refused.__subclasses__()}
    assert sorted(row[0].strip("`") for row in rows(page, "code")) == sorted(codes)


def test_every_status_of_a_signed_address_is_as_shown() -> None:
    page = (DOCS / "errors.md").read_text(encoding="utf-8")
    codes: dict[int, set[str]] = defaultdict(set)
    for code, status in STATUS.items():
        codes[status].add(code)
    assert {int(row[0]): set(re.findall(r"`(\w+)`", row[1])) for row in rows(page, "status")} == codes


def test_decisions_are_numbered_without_a_gap() -> None:
    assert [page.name[:5] for page in DECISIONS] == [f"{number:04}-" for number in range(1, len(DECISIONS) + 1)]
    assert len(DECISIONS) >= 12


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_has_its_four_parts(page: Path) -> None:
    headings = re.findall(r"^## (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == ["Context", "Decision", "Consequences", "Alternatives"]

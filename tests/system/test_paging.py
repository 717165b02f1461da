"""Listings page by page: every row once and in order, whatever the size of the page; bad pages are refused."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.system.serving import ServerProcess, serving
from tests.system.story import Json, append, do, head, register

# Each listing with the field by which its rows are told apart.
LISTINGS = {
    "datasets": "name",
    "contracts": "contractId",
    "batches": "batchId",
    "events": "position",
    "processRuns": "id",
}
PAGE = """
query ($first: Int, $after: String) {{
  {listing}(first: $first, after: $after) {{
    totalCount
    nodes {{ {field} }}
    edges {{ cursor }}
    pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}
  }}
}}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filled(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServerProcess]:
    """A server with several of everything, to which nothing is added."""
    async with serving(tmp_path_factory.mktemp("paging") / "data") as server:
        await register(server)
        for name in ("aa", "b", "Zz", "a-1", "a.1"):
            await do(server, "registerDataset", name=name, schema={"id": "int"})
            await do(server, "createContract", contractId=f"c-{name}", dataset=name)
        for number in range(5):
            await append(server, f"b{5 - number}")
        yield server


@pytest.mark.asyncio(loop_scope="module")
async def test_pages_hold_every_row_once_and_in_order(filled: ServerProcess) -> None:
    listings: dict[str, list[object]] = {
        "datasets": ["Zz", "a-1", "a.1", "aa", "b", "people"],
        "contracts": ["c-Zz", "c-a-1", "c-a.1", "c-aa", "c-b", "people-contract"],
        "batches": [f"b{5 - number}" for number in range(5)],
        "events": list(range(1, await head(filled) + 1)),
    }
    for listing, expected in listings.items():
        for first in (1, 2, len(expected), len(expected) + 1, 500):
            assert await paged(filled, listing, first) == expected, (listing, first)
    runs = await paged(filled, "processRuns", 500)
    assert len(set(runs)) == 5
    assert await paged(filled, "processRuns", 2) == runs


@pytest.mark.asyncio(loop_scope="module")
async def test_the_newest_events_come_from_the_other_end(filled: ServerProcess) -> None:
    last = await head(filled)
    query = """query ($before: String) {
      events(last: 2, before: $before) { nodes { position } pageInfo { startCursor hasPreviousPage hasNextPage } }
    }"""
    page = (await filled.ask(query))["events"]
    assert page["nodes"] == [{"position": last - 1}, {"position": last}]
    assert (page["pageInfo"]["hasPreviousPage"], page["pageInfo"]["hasNextPage"]) == (True, False)
    page = (await filled.ask(query, before=page["pageInfo"]["startCursor"]))["events"]
    assert page["nodes"] == [{"position": last - 3}, {"position": last - 2}]
    assert (page["pageInfo"]["hasPreviousPage"], page["pageInfo"]["hasNextPage"]) == (True, True)


async def test_a_listing_under_way_does_not_see_what_comes_meanwhile(server: ServerProcess) -> None:
    for name in ("a", "b", "c"):
        await do(server, "registerDataset", name=name, schema={"id": "int"})
    page = await page_of(server, "datasets", 2)
    for name in ("late", "bb"):
        await do(server, "registerDataset", name=name, schema={"id": "int"})
    rest = await page_of(server, "datasets", 500, page["pageInfo"]["endCursor"])
    assert [row["name"] for row in rest["nodes"]] == ["c"]
    assert rest["totalCount"] == 3
    assert (await page_of(server, "datasets", 0))["totalCount"] == 5


@pytest.mark.asyncio(loop_scope="module")
async def test_bad_pages_are_refused(filled: ServerProcess) -> None:
    cursors = {listing: (await page_of(filled, listing, 1))["pageInfo"]["endCursor"] for listing in LISTINGS}
    for listing in LISTINGS:
        none = await page_of(filled, listing, 0)
        assert (none["nodes"], none["pageInfo"]["endCursor"]) == ([], None)
        assert none["totalCount"] > 0
        assert await refused(filled, listing, -1) == ("BAD_USER_INPUT", "first -1 is negative; ask for 0 to 500")
        over = "first 501 is over the limit of 500; ask for less and page on"
        assert await refused(filled, listing, 501) == ("LIMIT_EXCEEDED", over)
        for other, cursor in cursors.items():
            if other != listing:
                foreign = "this cursor belongs to another filter or order; start the listing anew"
                assert await refused(filled, listing, 1, cursor) == ("BAD_USER_INPUT", foreign)
        for nonsense in ("", "x", "é", "bnVsbA", "NQ", "WzEsMiwzXQ"):
            code, message = await refused(filled, listing, 1, nonsense)
            assert code == "BAD_USER_INPUT"
            assert "cursor" in message


async def page_of(server: ServerProcess, listing: str, first: int, after: str | None = None) -> Json:
    """One page."""
    query = PAGE.format(listing=listing, field=LISTINGS[listing])
    page: Json = (await server.ask(query, first=first, after=after))[listing]
    return page


async def refused(server: ServerProcess, listing: str, first: int, after: str | None = None) -> tuple[str, str]:
    """The code and message of a page that is refused."""
    query = PAGE.format(listing=listing, field=LISTINGS[listing])
    (error,) = (await server.answer(query, first=first, after=after))["errors"]
    return error["extensions"]["code"], error["message"]


async def paged(server: ServerProcess, listing: str, first: int) -> list[object]:
    """Every row of a listing, read by pages of this size; what pages say of themselves is checked on the way."""
    found: list[object] = []
    after = None
    while True:
        page = await page_of(server, listing, first, after)
        rows = [row[LISTINGS[listing]] for row in page["nodes"]]
        cursors = [edge["cursor"] for edge in page["edges"]]
        found += rows
        assert len(rows) <= first
        assert page["pageInfo"] == {
            "hasNextPage": len(found) < page["totalCount"],
            "hasPreviousPage": after is not None,
            "startCursor": cursors[0],
            "endCursor": cursors[-1],
        }
        after = cursors[-1]
        if not page["pageInfo"]["hasNextPage"]:
            return found

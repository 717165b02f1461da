"""Questions about records that are none: each is refused by its place, and what it holds is not repeated."""

from typing import Any

from tests.graph.test_records import CSV, RECORDS, mesh, numbers, records
from tests.mesh.at_work import AtWork

__all__ = ["mesh"]

BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "unknown field": (
        {"filter": [{"field": "wrod", "op": "EQ", "value": "x"}]},
        "BAD_USER_INPUT",
        "filter[0].field: column 'wrod' is not in the rows of this layer; did you mean 'word'?",
    ),
    "a text for an int": (
        {"filter": [{"field": "n", "op": "EQ", "value": "Ada's secret"}]},
        "BAD_USER_INPUT",
        "filter[0].value: field 'n' (int) needs a whole number of at most 64 bits; a text was given that is not one",
    ),
    "a fraction for an int": (
        {"filter": [{"field": "n", "op": "EQ", "value": 1.5}]},
        "BAD_USER_INPUT",
        "filter[0].value: field 'n' (int) needs a whole number of at most 64 bits; a number was given that is not one",
    ),
    "more digits than the decimal has": (
        {"where": {"not": {"field": "price", "op": "LT", "value": "0.001"}}},
        "BAD_USER_INPUT",
        "where.not.value: field 'price' (decimal(10,2)) needs a number, or its text, of at most 8 digits before and 2"
        " after the point; a text was given that is not one",
    ),
    "null for a value": (
        {"filter": [{"field": "n", "op": "NE"}]},
        "BAD_USER_INPUT",
        "filter[0].value: NE of field 'n' needs a whole number of at most 64 bits; ask for nulls with IS_NULL",
    ),
    "a value for IS_NULL": (
        {"filter": [{"field": "n", "op": "IS_NULL", "value": True}]},
        "BAD_USER_INPUT",
        "filter[0].value: IS_NULL takes no value; leave it out",
    ),
    "no list for IN": (
        {"where": {"and": [{"field": "n", "op": "IN", "value": 1}]}},
        "BAD_USER_INPUT",
        "where.and[0].value: IN of field 'n' needs a list, this is a whole number",
    ),
    "a pattern for a number": (
        {"filter": [{"field": "n", "op": "LIKE", "value": "1%"}]},
        "BAD_USER_INPUT",
        "filter[0]: LIKE needs a string field; 'n' is int",
    ),
    "a pattern that ends open": (
        {"filter": [{"field": "word", "op": "LIKE", "value": "a\\"}]},
        "BAD_USER_INPUT",
        "filter[0].value: a pattern cannot end with a single \\; write \\\\ for the sign itself",
    ),
    "two kinds of condition": (
        {"where": {"or": [{"and": []}, {"field": "n", "op": "EQ", "value": 1, "not": {"and": []}}]}},
        "BAD_USER_INPUT",
        "where.or[1] must be either one comparison (field, op, value) or one of and, or, not; it has several of them",
    ),
    "no condition": (
        {"where": {}},
        "BAD_USER_INPUT",
        "where must be either one comparison (field, op, value) or one of and, or, not; it has none of them",
    ),
    "no op": ({"where": {"field": "n", "value": 1}}, "BAD_USER_INPUT", "where lacks op; give both"),
    "10,000 filters": (
        {"filter": [{"field": "n", "op": "EQ", "value": 1}] * 10_000},
        "LIMIT_EXCEEDED",
        "filter has 10000 conditions, 100 are allowed; use IN for many values of one field",
    ),
    "10,000 conditions": (
        {"where": {"or": [{"field": "n", "op": "EQ", "value": 1}] * 10_000}},
        "LIMIT_EXCEEDED",
        "where has 10000 conditions, 100 are allowed; use IN for many values of one field",
    ),
    "1,001 values": (
        {"filter": [{"field": "n", "op": "IN", "value": list(range(1_001))}]},
        "LIMIT_EXCEEDED",
        "filter[0].value has 1001 values, 1000 are allowed; ask in several requests",
    ),
    "an order by nothing known": (
        {"orderBy": [{"field": "word; drop table"}]},
        "BAD_USER_INPUT",
        "orderBy[0].field: column 'word; drop table' is not in the rows of this layer; name one of '_id', '_batch_id',"
        " '_created_at', 'n', 'word', 'price'",
    ),
    "an order twice": (
        {"orderBy": [{"field": "n"}, {"field": "n", "descending": True}]},
        "BAD_USER_INPUT",
        "orderBy[1]: field 'n' stands twice; name it once",
    ),
    "a page too long": (
        {"first": 10_001},
        "LIMIT_EXCEEDED",
        "first 10001 is over the limit of 10000; ask for less and page on",
    ),
    "a page of less than nothing": ({"first": -1}, "BAD_USER_INPUT", "first -1 is negative; ask for 0 to 10000"),
    "a forged cursor": (
        {"after": "AAAA" * 20},
        "BAD_USER_INPUT",
        "this cursor was not made by this server; use it exactly as it was given",
    ),
}


async def test_refuses_by_naming_the_place_and_never_the_value(mesh: AtWork) -> None:
    for name, (asked, code, message) in BAD.items():
        assert await mesh.refused(RECORDS, name="d", **asked) == (code, message), name


def nested(levels: int) -> dict[str, Any]:
    where: dict[str, Any] = {"field": "n", "op": "EQ", "value": 1}
    for _ in range(levels):
        where = {"not": where}
    return where


async def test_conditions_are_nested_ten_levels_deep_at_most(mesh: AtWork) -> None:
    assert await numbers(mesh, where=nested(10)) == [1]
    for levels in (11, 60):
        assert await mesh.refused(RECORDS, name="d", where=nested(levels)) == (
            "LIMIT_EXCEEDED",
            "where is nested more than 10 levels deep; write it flatter",
        )
    assert (await mesh.refused(RECORDS, name="d", where=nested(240)))[0] == "BAD_USER_INPUT"
    written = "{not: " * 400 + "{and: []}" + "}" * 400
    refused = await mesh.refused(f'{{ dataset(name: "d") {{ recordCount(where: {written}) }} }}')
    assert refused[0] in ("BAD_USER_INPUT", "LIMIT_EXCEEDED", "GRAPHQL_PARSE_FAILED")


async def test_a_cursor_fits_its_own_listing_only(mesh: AtWork) -> None:
    await mesh.dataset("other")
    await mesh.append("other", "o1", CSV)
    cursor = (await records(mesh, first=1))["pageInfo"]["endCursor"]
    changed: list[dict[str, Any]] = [
        {"name": "other"},
        {"name": "d", "layer": "SILVER"},
        {"name": "d", "filter": [{"field": "n", "op": "GT", "value": 0}]},
        {"name": "d", "orderBy": [{"field": "n"}]},
    ]
    for asked in changed:
        assert await mesh.refused(RECORDS, after=cursor, **asked) == (
            "BAD_USER_INPUT",
            "this cursor belongs to another filter or order; start the listing anew",
        )
    assert [row["n"] for row in (await records(mesh, after=cursor, fields=["n"]))["nodes"]] == [2, 3, 4, 5]

"""Records through the graph: what it answers, what it refuses, what it costs, what it never shows."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from server.http.graphql.bodies import encoded
from server.kernel.caller import ANONYMOUS
from tests.mesh.at_work import AtWork, at_work

CSV = "n,word,price\n1,ada,2.50\n2,bo,\n3,,-1\n"
MORE = "n,word,price\n4,cy,0.01\n5,ada,7\n"
RECORDS = (
    "query($name: ID!, $layer: Layer, $filter: [RecordFilter!], $where: RecordWhere, $orderBy: [RecordOrder!],"
    " $fields: [String!], $first: Int, $after: String) { dataset(name: $name) { records(layer: $layer, filter: $filter,"
    " where: $where, orderBy: $orderBy, fields: $fields, first: $first, after: $after) { nodes totalCount"
    " pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }"
)


@pytest.fixture
async def mesh(database_url: str, tmp_path: Path) -> AsyncIterator[AtWork]:
    """The dataset `d` with the batches `b1` (3 rows) and `b2` (2 rows)."""
    async with at_work(database_url, tmp_path) as mesh:
        await mesh.dataset("d")
        await mesh.append("d", "b1", CSV)
        await mesh.append("d", "b2", MORE)
        yield mesh


async def records(mesh: AtWork, name: str = "d", **asked: Any) -> dict[str, Any]:
    """The connection, as a client reads it."""
    data = await mesh.ask(RECORDS, name=name, **asked)
    found: dict[str, Any] = orjson.loads(encoded(data))["dataset"]["records"]
    return found


async def numbers(mesh: AtWork, **asked: Any) -> list[int]:
    return [row["n"] for row in (await records(mesh, **asked))["nodes"]]


async def test_pages_through_rows_with_cursors_that_say_nothing(mesh: AtWork) -> None:
    order = [{"field": "word"}, {"field": "price", "descending": True}]
    seen, after = [], None
    for has_next in (True, True, False):
        page = await records(mesh, orderBy=order, first=2, after=after)
        seen += [row["n"] for row in page["nodes"]]
        assert page["totalCount"] == 5
        info = page["pageInfo"]
        assert (info["hasNextPage"], info["hasPreviousPage"]) == (has_next, after is not None)
        after = info["endCursor"]
    assert seen == [5, 1, 2, 4, 3]


async def test_shows_system_columns_unless_other_fields_are_named(mesh: AtWork) -> None:
    page = await records(mesh, first=1)
    (row,) = page["nodes"]
    created_at = row.pop("_created_at")
    assert created_at.endswith("Z")
    assert row == {"_id": "b1-000000000000", "_batch_id": "b1", "n": 1, "word": "ada", "price": 2.5}
    page = await records(mesh, first=1, fields=["price", "_batch_id"])
    assert page["nodes"] == [{"_id": "b1-000000000000", "price": 2.5, "_batch_id": "b1"}]


async def test_an_empty_page_still_counts(mesh: AtWork) -> None:
    page = await records(mesh, first=0, filter=[{"field": "word", "op": "EQ", "value": "ada"}])
    assert page == {
        "nodes": [],
        "totalCount": 2,
        "pageInfo": {"hasNextPage": True, "hasPreviousPage": False, "startCursor": None, "endCursor": None},
    }


async def test_both_arguments_must_hold(mesh: AtWork) -> None:
    where = {"or": [{"field": "n", "op": "LTE", "value": 2}, {"not": {"field": "price", "op": "LT", "value": "1"}}]}
    assert await numbers(mesh, where=where) == [1, 2, 5]
    assert await numbers(mesh, where=where, filter=[{"field": "word", "op": "ILIKE", "value": "A%"}]) == [1, 5]


async def test_finds_one_record_and_counts(mesh: AtWork) -> None:
    data = await mesh.ask(
        '{ dataset(name: "d") { one: record(id: "b2-000000000001") none: record(id: "b9-000000000001")'
        ' odd: record(id: "") all: recordCount some: recordCount(filter: [{field: "price", op: GT, value: 0}])'
        " gold: recordCount(layer: GOLD) } }"
    )
    found = orjson.loads(encoded(data))["dataset"]
    assert found.pop("one")["n"] == 5
    assert found == {"none": None, "odd": None, "all": 5, "some": 3, "gold": 0}


async def test_leaves_quarantined_batches_out_until_they_are_released(mesh: AtWork) -> None:
    before = await mesh.parts.mesh.events.head()
    await mesh.do("quarantineBatch", batchId="b1", reason="wrong")
    assert await numbers(mesh) == [4, 5]
    assert (await mesh.ask('{ dataset(name: "d") { recordCount record(id: "b1-000000000000") } }'))["dataset"] == {
        "recordCount": 2,
        "record": None,
    }
    past = 'query($p: BigInt!) { catalog(atPosition: $p) { dataset(name: "d") { recordCount } } }'
    assert await mesh.refused(past, p=before) == (
        "PRECONDITION_FAILED",
        "rows of this position are gone: batch 'b1' is quarantined or expired now; ask for now",
    )
    await mesh.do("releaseBatch", batchId="b1", reason="checked")
    assert await numbers(mesh) == [1, 2, 3, 4, 5]
    assert (await mesh.ask(past, p=before))["catalog"]["dataset"]["recordCount"] == 5


async def test_shows_the_rows_of_a_position_of_the_past(mesh: AtWork) -> None:
    position = await mesh.parts.mesh.events.head()
    await mesh.append("d", "b3", MORE)
    past = 'query($p: BigInt!) { catalog(atPosition: $p) { dataset(name: "d") { recordCount records { nodes } } } }'
    found = orjson.loads(encoded(await mesh.ask(past, p=position)))["catalog"]["dataset"]
    assert (found["recordCount"], [row["n"] for row in found["records"]["nodes"]]) == (5, [1, 2, 3, 4, 5])
    assert await numbers(mesh) == [1, 2, 3, 4, 5, 4, 5]


async def test_pages_of_one_listing_are_of_one_position(mesh: AtWork) -> None:
    first = await records(mesh, first=4)
    await mesh.append("d", "b0", MORE)
    rest = await records(mesh, after=first["pageInfo"]["endCursor"])
    assert ([row["n"] for row in rest["nodes"]], rest["totalCount"]) == ([5], 5)


async def test_reads_batches_of_every_schema_version_under_the_current_one(mesh: AtWork) -> None:
    fields = [
        {"name": "price", "type": "string"},
        {"name": "n", "type": "float"},
        {"name": "new", "type": "boolean"},
    ]
    await mesh.do("evolveSchema", dataset="d", fields=fields, compatibility="NONE")
    await mesh.append("d", "b3", "price,n,new\nfree,0.5,true\n")
    page = await records(mesh, orderBy=[{"field": "n"}], fields=["price", "n", "new"])
    assert [(row["price"], row["n"], row["new"]) for row in page["nodes"]] == [
        ("free", 0.5, True),
        ("2.50", 1.0, None),
        (None, 2.0, None),
        ("-1.00", 3.0, None),
        ("0.01", 4.0, None),
        ("7.00", 5.0, None),
    ]
    code, message = await mesh.refused(RECORDS, name="d", filter=[{"field": "word", "op": "EQ", "value": "ada"}])
    assert (code, message[:63]) == ("BAD_USER_INPUT", "filter[0].field: column 'word' is not in the rows of this layer")


async def test_shows_what_privacy_rules_left(mesh: AtWork) -> None:
    await mesh.do("anonymizeData", batchId="b1", rules=[{"column": "word", "strategy": "DROP"}])
    page = await records(mesh, layer="SILVER", fields=["n", "price"])
    assert [row["n"] for row in page["nodes"]] == [1, 2, 3]
    code, _ = await mesh.refused(RECORDS, name="d", layer="SILVER", fields=["word"])
    assert code == "BAD_USER_INPUT"
    rules = [{"column": "n", "strategy": "HASH"}, {"column": "price", "strategy": "REDACT"}]
    await mesh.do("anonymizeData", batchId="b2", rules=rules)
    page = await records(mesh, layer="SILVER", fields=["n", "word", "price"])
    assert [(row["n"], row["word"], row["price"]) for row in page["nodes"][:3]] == [
        ("1", None, 2.5),
        ("2", None, None),
        ("3", None, -1.0),
    ]
    assert [(len(row["n"]) > 20, row["word"], row["price"]) for row in page["nodes"][3:]] == [
        (True, "cy", None),
        (True, "ada", None),
    ]


async def test_asks_for_a_key(mesh: AtWork) -> None:
    for field in ("records { nodes }", "recordCount", 'record(id: "b1-000000000000")', "streamUrl { url }"):
        refused = await mesh.refused(f'{{ dataset(name: "d") {{ {field} }} }}', ANONYMOUS)
        assert refused[0] == "UNAUTHENTICATED"

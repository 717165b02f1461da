"""Search: what is found, in which order, page by page, as the mesh changes."""

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.adapters.store.paging import PageRequest
from server.adapters.store.rebuild import rebuild
from server.kernel.errors import BadUserInput
from server.mesh.slices import CODEC, PROJECTIONS, TABLES
from tests.graph.conftest import Graph

SEARCH = """query($text: String!, $kinds: [AssetKind!], $first: Int, $after: String) {
  search(text: $text, kinds: $kinds, first: $first, after: $after) {
    totalCount pageInfo { hasNextPage hasPreviousPage endCursor } edges { cursor }
    nodes { __typename ... on Node { id } }
  }
}"""
DOMAIN = "mutation($input: CreateDomainInput!) { createDomain(input: $input) { domain { id } } }"
PRODUCT = "mutation($input: RegisterDataProductInput!) { registerDataProduct(input: $input) { dataProduct { id } } }"
DATASET = "mutation($input: RegisterDatasetInput!) { registerDataset(input: $input) { dataset { id } } }"
CONTRACT = "mutation($input: CreateContractInput!) { createContract(input: $input) { contract { id } } }"
EDGE = "mutation($input: RegisterLineageInput!) { registerLineage(input: $input) { edge { id } } }"


async def domain(graph: Graph, name: str = "plain", **more: object) -> None:
    await graph.ask(DOMAIN, input={"name": name, "owner": "nobody", **more})


async def product(graph: Graph, name: str, **more: object) -> None:
    given = {"name": name, "domain": "plain", "owner": "nobody", "schema": {"x": "int"}, **more}
    await graph.ask(PRODUCT, input=given)


async def dataset(graph: Graph, name: str, **schema: str) -> None:
    await graph.ask(DATASET, input={"name": name, "schema": schema or {"x": "int"}})


async def found(graph: Graph, text: str, kinds: list[str] | None = None) -> list[str]:
    """The ids that a search answers, all of them; what it counts is as many."""
    answer = (await graph.ask(SEARCH, text=text, kinds=kinds, first=500))["search"]
    ids = [node["id"] for node in answer["nodes"]]
    assert answer["totalCount"] == len(ids)
    assert not answer["pageInfo"]["hasNextPage"]
    return ids


async def test_finds_each_kind_of_thing(graph: Graph) -> None:
    await domain(graph, "sales", description="what customers buy")
    await product(graph, "sales-orders", domain="sales")
    await dataset(graph, "sales_lines")
    await graph.ask(CONTRACT, input={"dataset": "sales_lines", "contractId": "sales-terms"})
    await graph.ask(EDGE, input={"source": "external:crm/Sales", "target": "dataset:sales_lines"})
    answer = await graph.ask(SEARCH, text="sales")
    assert answer["search"]["nodes"] == [
        {"__typename": "Domain", "id": "domain:sales"},
        {"__typename": "ExternalAsset", "id": "external:crm/Sales"},
        {"__typename": "DataProduct", "id": "product:sales-orders"},
        {"__typename": "DataContract", "id": "contract:sales-terms"},
        {"__typename": "Dataset", "id": "dataset:sales_lines"},
    ]
    kinds = {
        "DOMAIN": ["domain:sales"],
        "PRODUCT": ["product:sales-orders"],
        "DATASET": ["dataset:sales_lines"],
        "CONTRACT": ["contract:sales-terms"],
        "EXTERNAL": ["external:crm/Sales"],
        "LAKE": [],
    }
    for kind, ids in kinds.items():
        assert await found(graph, "sales", kinds=[kind]) == ids
    assert await found(graph, "sales", kinds=["DATASET", "DOMAIN"]) == ["domain:sales", "dataset:sales_lines"]
    assert await found(graph, "sales", kinds=[]) == []


async def test_ranks_by_where_the_words_stand(graph: Graph) -> None:
    await domain(graph)
    await product(graph, "a-fields", schema={"ledger": "int"})
    await product(graph, "a-fields-begun", schema={"ledgers": "int"})
    await product(graph, "b-owner", owner="Ledger team")
    await product(graph, "c-description", description="The ledger of the bank")
    await product(graph, "d-description-begun", description="All ledgers of the bank")
    await product(graph, "e-tag", tags=["ledger"])
    await product(graph, "f-tag-begun", tags=["ledgers"])
    await product(graph, "g-ledger")
    await product(graph, "h-ledgers")
    await product(graph, "ledger-x")
    await product(graph, "Ledger")
    await product(graph, "z-nothing")
    assert await found(graph, "ledger") == [
        "product:Ledger",
        "product:ledger-x",
        "product:g-ledger",
        "product:h-ledgers",
        "product:e-tag",
        "product:f-tag-begun",
        "product:c-description",
        "product:d-description-begun",
        "product:a-fields",
        "product:b-owner",
        "product:a-fields-begun",
    ]


async def test_every_word_must_stand_somewhere_and_the_last_place_decides(graph: Graph) -> None:
    await domain(graph)
    await product(graph, "orders-of-customers")
    await product(graph, "orders", tags=["customer"])
    await product(graph, "book-orders", description="by customer", tags=["shop"])
    await product(graph, "shop-orders", owner="customer care")
    await product(graph, "orders-of-nobody")
    assert await found(graph, "cust ord") == [
        "product:orders-of-customers",
        "product:orders",
        "product:book-orders",
        "product:shop-orders",
    ]
    assert await found(graph, "cust ord book") == ["product:book-orders"]
    assert await found(graph, "cust ord bank") == []


NAMES = {
    "cust ord": ["customer-orders", "customerOrders"],
    "customer-or": ["customer-orders", "customerOrders"],
    "customerorders": ["customerOrders", "customer-orders"],
    "customerord": ["customerOrders", "customer-orders"],
    "customer_orders": ["customer-orders", "customerOrders"],
    "customerOrders": ["customerOrders", "customer-orders"],
    "server v2": ["HTTPServer.log_v2"],
    "httpserver log": ["HTTPServer.log_v2"],
    "iphone": ["iPhone"],
    "iPhone": ["iPhone"],
    "ORDERS": ["customer-orders", "customerOrders", "order-lines"],  # of a word in English the other forms, too
    "policies": ["policies", "policy"],
    "policy": ["policy", "policies"],
    "polic": ["policies", "policy"],
    "omer": [],
    "rders": [],
    "or|ders": [],
    "orders & not": [],
}

DESCRIPTIONS = {
    "cafe": "Café für die Straße",
    "STRASSE": "Café für die Straße",
    "CAFÉ strasse": "Café für die Straße",
    "finance data": "ﬁnance \uff24\uff41\uff54\uff41",
    "ΣΙΣΥΦΟΣ": "Σίσυφος",
    "blabaer ol": "Blåbær og øl",
    "العربية": "العَرَبِيَّة مِن اليَمين",
    "שלום": "שָׁלוֹם עולם",
    "订单": "客户订单表",
    "ПОКУПКИ": "все покупки клиентов",
    "🚀": "ready to launch🚀",
    "istanbul": "İstanbul",
    "abcd": "a\u200bb\u202ecd",
}


async def test_finds_words_of_a_name_by_their_beginnings(graph: Graph) -> None:
    for name in (
        "customer-orders",
        "customerOrders",
        "HTTPServer.log_v2",
        "order-lines",
        "policy",
        "policies",
        "iPhone",
    ):
        await dataset(graph, name)
    assert {text: await found(graph, text) for text in NAMES} == {
        text: [f"dataset:{name}" for name in names] for text, names in NAMES.items()
    }


async def test_finds_words_of_many_languages_without_case_and_accents(graph: Graph) -> None:
    names = {description: f"d{n}" for n, description in enumerate(dict.fromkeys(DESCRIPTIONS.values()))}
    for description, name in names.items():
        await domain(graph, name, description=description)
    assert {text: await found(graph, text) for text in DESCRIPTIONS} == {
        text: [f"domain:{names[description]}"] for text, description in DESCRIPTIONS.items()
    }


async def test_signs_alone_find_nothing(graph: Graph) -> None:
    await dataset(graph, "customer-orders")
    for text in ("-", "&|!():*'\"\\", "...", "«»", "، ؟", "\u200b"):
        assert await found(graph, text) == []


async def test_signs_of_a_query_language_are_spaces(graph: Graph) -> None:
    await dataset(graph, "customer-orders")
    assert await found(graph, "!customer:* & (orders | ') \\") == ["dataset:customer-orders"]


async def test_refuses_a_text_that_is_no_search(graph: Graph) -> None:
    for text in ("", "   "):
        assert await graph.refused(SEARCH, text=text) == (
            "BAD_USER_INPUT",
            "text is empty; give a word of a name, tag, description, owner or field",
        )
    assert await graph.refused(SEARCH, text="x" * 100_000) == (
        "BAD_USER_INPUT",
        "text has 100000 characters; give the words that matter, in at most 200",
    )
    await dataset(graph, "x" * 128)
    assert await found(graph, "x" * 200) == []


async def test_refuses_to_search_batches(graph: Graph) -> None:
    assert await graph.refused(SEARCH, text="a", kinds=["DATASET", "BATCH"]) == (
        "BAD_USER_INPUT",
        "kind BATCH is not searched, for a batch has no text of its own; find its dataset, then list its batches",
    )


async def test_sees_each_change_at_once(graph: Graph) -> None:
    await domain(graph)
    await product(graph, "trades", description="before the close")
    assert await found(graph, "close") == ["product:trades"]
    await graph.ask(
        'mutation { updateDataProduct(input: {name: "trades", description: "after it", tags: ["Gold"],'
        ' owner: "Desk"}) { dataProduct { id } } }'
    )
    assert [await found(graph, text) for text in ("close", "after", "gold", "desk", "nobody")] == [
        [],
        ["product:trades"],
        ["product:trades"],
        ["product:trades"],
        ["domain:plain"],
    ]
    await graph.ask('mutation { deleteDataProduct(input: {name: "trades"}) { deletedId } }')
    assert await found(graph, "trades") == []
    await product(graph, "trades")
    assert await found(graph, "trades") == ["product:trades"]
    await dataset(graph, "lines", first="int")
    await graph.ask(
        'mutation { evolveSchema(input: {dataset: "lines", schema: {second: "int"}, compatibility: NONE})'
        " { dataset { id } } }"
    )
    assert [await found(graph, "first"), await found(graph, "second")] == [[], ["dataset:lines"]]


async def test_finds_words_in_the_longest_texts(graph: Graph) -> None:
    await domain(graph, description="needle " + "ﷺ" * 9_000)
    await dataset(graph, "wide", **{f"{'c' * 200}{n:04}": "int" for n in range(400)})
    assert await found(graph, "needle") == ["domain:plain"]
    assert await found(graph, f"{'c' * 196}") == ["dataset:wide"]
    await dataset(graph, "terms")
    long = "clause " + " ".join(f"word{n}" for n in range(20_000))
    await graph.ask(CONTRACT, input={"dataset": "terms", "contractId": "long", "description": long})
    assert await found(graph, "clause word7") == ["contract:long"]


async def test_pages_together_are_the_whole_answer(graph: Graph) -> None:
    await mesh_of_forty(graph)
    whole = await found(graph, "gold")
    assert len(whole) == 40
    for size in (1, 7, 39, 40, 41):
        assert await paged(graph, "gold", size) == whole


async def test_pages_have_no_gap_and_no_double_while_things_come_and_go(graph: Graph) -> None:
    await mesh_of_forty(graph)
    whole = await found(graph, "gold")
    turns = iter(range(100))

    async def change() -> None:
        turn = next(turns)
        await product(graph, f"gold-late-{turn:02}")
        await product(graph, f"a-late-{turn:02}", tags=["gold"])
        await graph.ask(
            "mutation($n: ID!) { deleteDataProduct(input: {name: $n}) { deletedId } }", n=f"gold-late-{turn:02}"
        )

    seen = await paged(graph, "gold", 7, change)
    assert len(seen) == len(set(seen))
    assert [id for id in seen if "late" not in id] == whole


async def test_a_cursor_belongs_to_its_search(graph: Graph) -> None:
    await mesh_of_forty(graph)
    page = await graph.ask(SEARCH, text="gold", first=3)
    after = page["search"]["pageInfo"]["endCursor"]
    assert after == page["search"]["edges"][-1]["cursor"]
    elsewhere = ("BAD_USER_INPUT", "this cursor belongs to another filter or order; start the listing anew")
    assert await graph.refused(SEARCH, text="gol", after=after) == elsewhere
    assert await graph.refused(SEARCH, text="gold", kinds=["PRODUCT"], after=after) == elsewhere
    code, message = await graph.refused(SEARCH, text="gold", after="nonsense")
    assert (code, "is not one of ours" in message) == ("BAD_USER_INPUT", True)


@pytest.mark.parametrize(
    "key", [[10, "a", "b"], [0, "a", "b"], [-1, "a", "b"], [2**70, "a", "b"], ["5", "a", "b"], [5, "a"], [5, "\0", "b"]]
)
async def test_refuses_a_forged_cursor(graph: Graph, key: list[Any]) -> None:
    await mesh_of_forty(graph)
    after = (await graph.ask(SEARCH, text="gold", first=3))["search"]["pageInfo"]["endCursor"]
    listing = orjson.loads(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)))[0]
    forged = base64.urlsafe_b64encode(json.dumps([listing, 0, key]).encode()).decode()
    code, message = await graph.refused(SEARCH, text="gold", after=forged)
    assert (code, "is not one of ours" in message) == ("BAD_USER_INPUT", True)


async def test_bounds_of_a_page(graph: Graph) -> None:
    await mesh_of_forty(graph)
    empty = (await graph.ask(SEARCH, text="gold", first=0))["search"]
    assert (empty["nodes"], empty["totalCount"], empty["pageInfo"]["hasNextPage"]) == ([], 40, False)
    default = (await graph.ask('{ search(text: "gold") { nodes { __typename } } }'))["search"]
    assert len(default["nodes"]) == 20
    assert (await graph.refused(SEARCH, text="gold", first=-1))[0] == "BAD_USER_INPUT"
    assert (await graph.refused(SEARCH, text="gold", first=501))[0] == "LIMIT_EXCEEDED"


async def test_sends_as_many_statements_for_one_thing_as_for_forty(graph: Graph) -> None:
    await mesh_of_forty(graph)
    sent = []
    for first in (15, 40):
        graph.statements.clear()
        await graph.ask(SEARCH, text="gold", first=first)
        sent.append(len(graph.statements))
    assert sent[0] == sent[1] <= 8


async def test_any_text_is_answered_or_refused_as_bad_input(graph: Graph) -> None:
    await domain(graph, "sales", description="Café 客户 ready🚀")
    texts: list[str] = []

    @settings(max_examples=150, database=None)
    @given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=210))
    def collect(text: str) -> None:
        texts.append(text)

    collect()
    for text in texts:
        try:
            page = await graph.parts.mesh.search.page(text, None, PageRequest(first=20))
            assert page.count is not None
            assert len(page.rows) == await page.count()
        except BadUserInput:
            assert not text.strip() or len(text.strip()) > 200


async def test_finds_the_same_after_a_rebuild(graph: Graph, database_url: str) -> None:
    await mesh_of_forty(graph)
    await graph.ask('mutation { deleteDataProduct(input: {name: "gold-3"}) { deletedId } }')
    whole = await found(graph, "gold")
    assert len(whole) == 39
    connection = await asyncpg.connect(database_url)
    try:
        await rebuild(connection, CODEC, PROJECTIONS, TABLES)
    finally:
        await connection.close()
    assert await found(graph, "gold") == whole


async def mesh_of_forty(graph: Graph) -> None:
    """Forty things about gold, of each rank and kind."""
    await domain(graph)
    for n in range(10):
        await product(graph, f"gold-{n}")
        await product(graph, f"p{n}", tags=["gold"] if n % 2 else ["golden"])
        await dataset(graph, f"old_gold_{n}")
        await dataset(graph, f"d{n}", gold_price="int")


async def paged(graph: Graph, text: str, size: int, between: Callable[[], Awaitable[None]] | None = None) -> list[str]:
    seen: list[str] = []
    after = None
    while True:
        answer = (await graph.ask(SEARCH, text=text, first=size, after=after))["search"]
        seen += [node["id"] for node in answer["nodes"]]
        assert answer["pageInfo"]["hasPreviousPage"] == (after is not None)
        if not answer["pageInfo"]["hasNextPage"]:
            return seen
        after = answer["pageInfo"]["endCursor"]
        if between is not None:
            await between()

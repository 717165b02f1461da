"""Listings of data products: which of them, in which order, page by page both ways, at each position."""

from typing import Any

from tests.graph.conftest import Graph

LISTING = """query($filter: DataProductFilter, $by: DataProductOrder, $first: Int, $after: String) {
  dataProducts(filter: $filter, orderBy: $by, first: $first, after: $after) {
    totalCount pageInfo { hasNextPage endCursor } nodes { name }
  }
}"""
ORDERS = {
    "NAME_ASC": ["Ants", "bees", "cows", "dogs"],
    "NAME_DESC": ["dogs", "cows", "bees", "Ants"],
    "CREATED_ASC": ["dogs", "Ants", "cows", "bees"],
    "CREATED_DESC": ["bees", "cows", "Ants", "dogs"],
    "UPDATED_ASC": ["dogs", "bees", "Ants", "cows"],
    "UPDATED_DESC": ["cows", "Ants", "bees", "dogs"],
}


async def farm(graph: Graph) -> None:
    """Four products: registered, then changed, in an order of their own."""
    for domain in ("field", "house"):
        await graph.ask(
            'mutation($n: String!) { createDomain(input: {name: $n, owner: "ann"}) { domain { id } } }', n=domain
        )
    for name, domain, owner, tags in (
        ("dogs", "house", "Ann Lee", ["Loud", "pets"]),
        ("Ants", "field", "bob", []),
        ("cows", "field", "ann lee", ["loud"]),
        ("bees", "field", "Ann", ["STRASSE"]),
    ):
        await graph.ask(
            "mutation($input: RegisterDataProductInput!) { registerDataProduct(input: $input) { dataProduct { id } } }",
            input={"name": name, "domain": domain, "owner": owner, "tags": tags, "schema": {"x": "int"}},
        )
    for change in ('name: "Ants", status: DEPRECATED', 'name: "cows", description: "They give milk."'):
        await graph.ask(f"mutation {{ updateDataProduct(input: {{{change}}}) {{ dataProduct {{ id }} }} }}")


async def listed(graph: Graph, **variables: Any) -> list[str]:
    """The names of all that are meant; as many are counted."""
    answer = (await graph.ask(LISTING, **variables))["dataProducts"]
    names = [node["name"] for node in answer["nodes"]]
    assert answer["totalCount"] == len(names)
    return names


async def test_six_orders(graph: Graph) -> None:
    await farm(graph)
    assert {by: await listed(graph, by=by) for by in ORDERS} == ORDERS
    assert await listed(graph) == await listed(graph, by=None) == ORDERS["NAME_ASC"]


async def test_pages_of_each_order_are_the_whole(graph: Graph) -> None:
    await farm(graph)
    for by, whole in ORDERS.items():
        names: list[str] = []
        after, pages = None, 0
        while True:
            pages += 1
            answer = (await graph.ask(LISTING, by=by, first=1, after=after))["dataProducts"]
            names += [node["name"] for node in answer["nodes"]]
            after = answer["pageInfo"]["endCursor"]
            assert answer["totalCount"] == 4
            if not answer["pageInfo"]["hasNextPage"]:
                break
        assert (names, pages) == (whole, 4)


async def test_a_listing_keeps_to_the_position_at_which_it_began(graph: Graph) -> None:
    await farm(graph)
    page = (await graph.ask(LISTING, by="UPDATED_DESC", first=2))["dataProducts"]
    await graph.ask('mutation { updateDataProduct(input: {name: "dogs", owner: "cy"}) { dataProduct { id } } }')
    await graph.ask('mutation { deleteDataProduct(input: {name: "bees"}) { deletedId } }')
    rest = (await graph.ask(LISTING, by="UPDATED_DESC", after=page["pageInfo"]["endCursor"]))["dataProducts"]
    assert [node["name"] for node in page["nodes"] + rest["nodes"]] == ORDERS["UPDATED_DESC"]
    assert await listed(graph, by="UPDATED_DESC") == ["dogs", "cows", "Ants"]


async def test_filters(graph: Graph) -> None:
    await farm(graph)
    found = [
        ({"domain": "field"}, ["Ants", "bees", "cows"]),
        ({"domain": "domain:house"}, ["dogs"]),
        ({"domain": "elsewhere"}, []),
        ({"status": "DEPRECATED"}, ["Ants"]),
        ({"status": "ACTIVE"}, ["bees", "cows", "dogs"]),
        ({"tag": " LOUD "}, ["cows", "dogs"]),
        ({"tag": "straße"}, ["bees"]),
        ({"tag": "lou"}, []),
        ({"tag": " ", "owner": " ", "text": ""}, ["Ants", "bees", "cows", "dogs"]),
        ({"owner": "ANN LEE"}, ["cows", "dogs"]),
        ({"owner": "ann"}, ["bees"]),
        ({"text": "S"}, ["Ants", "bees", "cows", "dogs"]),
        ({"text": "OW"}, ["cows"]),
        ({"text": "%"}, []),
        ({"domain": "field", "tag": "loud", "owner": "ann lee", "status": "ACTIVE", "text": "c"}, ["cows"]),
        ({}, ["Ants", "bees", "cows", "dogs"]),
    ]
    for only, names in found:
        assert (only, await listed(graph, filter=only)) == (only, names)


async def test_a_cursor_belongs_to_its_filter_and_order(graph: Graph) -> None:
    await farm(graph)
    only = {"domain": "field"}
    after = (await graph.ask(LISTING, filter=only, by="NAME_ASC", first=1))["dataProducts"]["pageInfo"]["endCursor"]
    assert len((await graph.ask(LISTING, filter=only, after=after))["dataProducts"]["nodes"]) == 2
    for other, by in ((only, "NAME_DESC"), (only, "CREATED_ASC"), (None, "NAME_ASC")):
        assert await graph.refused(LISTING, after=after, filter=other, by=by) == (
            "BAD_USER_INPUT",
            "this cursor belongs to another filter or order; start the listing anew",
        )


async def test_refuses_a_domain_that_is_no_name(graph: Graph) -> None:
    code, message = await graph.refused(LISTING, filter={"domain": "a b"})
    assert (code, message.startswith("domain 'a b' is not a name")) == ("BAD_USER_INPUT", True)


async def test_sends_as_many_statements_for_one_product_as_for_four(graph: Graph) -> None:
    await farm(graph)
    sent = []
    for first in (1, 4):
        graph.statements.clear()
        await graph.ask(
            'query($n: Int) { dataProducts(first: $n, orderBy: UPDATED_DESC, filter: {text: "s"}) { totalCount nodes {'
            " domain { name products(first: 3) { nodes { name } } } datasets { totalCount } } } }",
            n=first,
        )
        sent.append(len(graph.statements))
    assert sent[0] == sent[1] <= 12

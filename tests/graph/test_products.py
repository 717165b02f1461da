"""Domains, data products and their datasets through the graph."""

from collections import Counter

from server.adapters.postgres.connections import connect
from server.adapters.store.rebuild import rebuild
from server.mesh.slices import CODEC, PROJECTIONS, TABLES
from tests.graph.conftest import Graph
from tests.graph.shop import do, shop
from tests.graph.test_statements import DEPTHS

PRODUCT = """{ id revision name owner description status version tags
  domain { id name } schema { name type nullable primaryKey } datasets { totalCount nodes { id } } }"""


async def test_a_product_with_everything_that_is_said_of_it(graph: Graph) -> None:
    await shop(graph)
    data = await graph.ask(
        f"""{{ dataProduct(name: "orders") {PRODUCT}
          domain(name: "domain:sales") {{ id revision name owner description
            products {{ totalCount nodes {{ name }} }} datasets {{ totalCount nodes {{ name }} }}
            events {{ nodes {{ type version }} }} }} }}"""
    )
    assert data["dataProduct"] == {
        "id": "product:orders",
        "revision": 1,
        "name": "orders",
        "owner": "bob",
        "description": "",
        "status": "ACTIVE",
        "version": "1.0.0",
        "tags": ["daily"],
        "domain": {"id": "domain:sales", "name": "sales"},
        "schema": [
            {"name": "order_id", "type": "int", "nullable": False, "primaryKey": True},
            {"name": "total", "type": "decimal(12,2)", "nullable": True, "primaryKey": False},
        ],
        "datasets": {"totalCount": 1, "nodes": [{"id": "dataset:orders-eu"}]},
    }
    assert data["domain"] == {
        "id": "domain:sales",
        "revision": 1,
        "name": "sales",
        "owner": "ann",
        "description": "Whatever is sold.",
        "products": {"totalCount": 1, "nodes": [{"name": "orders"}]},
        "datasets": {"totalCount": 2, "nodes": [{"name": "carts"}, {"name": "orders-eu"}]},
        "events": {"nodes": [{"type": "DomainCreated", "version": 1}]},
    }


async def test_a_dataset_knows_its_product_and_its_domain(graph: Graph) -> None:
    await shop(graph)
    await do(graph, "registerDataset", name="stray", schema={"a": "int"})
    data = await graph.ask("{ datasets { nodes { name product { name } domain { name } } } }")
    assert data["datasets"]["nodes"] == [
        {"name": "carts", "product": None, "domain": {"name": "sales"}},
        {"name": "orders-eu", "product": {"name": "orders"}, "domain": {"name": "sales"}},
        {"name": "stray", "product": None, "domain": None},
    ]
    for only, names in {
        '{domain: "sales"}': ["carts", "orders-eu"],
        '{product: "product:orders"}': ["orders-eu"],
        '{domain: "sales", text: "CART"}': ["carts"],
        '{domain: "nowhere"}': [],
    }.items():
        data = await graph.ask(f"{{ datasets(filter: {only}) {{ totalCount nodes {{ name }} }} }}")
        assert [node["name"] for node in data["datasets"]["nodes"]] == names, only
        assert data["datasets"]["totalCount"] == len(names)


async def test_anything_of_the_mesh_by_its_urn(graph: Graph) -> None:
    await shop(graph)
    data = await graph.ask(
        '{ nodes(ids: ["domain:sales", "product:orders", "domain:gone", "product:gone"]) { __typename id } }'
    )
    assert data["nodes"] == [
        {"__typename": "Domain", "id": "domain:sales"},
        {"__typename": "DataProduct", "id": "product:orders"},
        None,
        None,
    ]


async def test_a_deleted_product_stands_in_the_past_and_leaves_its_datasets(graph: Graph) -> None:
    await shop(graph)
    before = (await graph.ask("{ serverInfo { position } }"))["serverInfo"]["position"]
    payload = await do(
        graph,
        "deleteDataProduct",
        """deletedId events { type data ... on DataProductDeleted {
          product { name version } reason datasets } }""",
        name="orders",
        reason="replaced",
    )
    assert payload == {
        "deletedId": "product:orders",
        "events": [
            {
                "type": "DataProductDeleted",
                "data": {"product": "product:orders", "reason": "replaced", "datasets": ["dataset:orders-eu"]},
                "product": {"name": "orders", "version": "1.0.0"},
                "reason": "replaced",
                "datasets": ["dataset:orders-eu"],
            }
        ],
    }
    asked = """dataProduct(name: "orders") { name datasets { nodes { name } } } dataProducts { totalCount }
      dataset(name: "orders-eu") { product { name } domain { name } revision }
      domain(name: "sales") { products { totalCount } datasets { totalCount } }"""
    data = await graph.ask(f"{{ {asked} catalog(atPosition: {before}) {{ {asked} }} }}")
    then = data.pop("catalog")
    assert data == {
        "dataProduct": None,
        "dataProducts": {"totalCount": 0},
        "dataset": {"product": None, "domain": {"name": "sales"}, "revision": 1},
        "domain": {"products": {"totalCount": 0}, "datasets": {"totalCount": 2}},
    }
    assert then == {
        "dataProduct": {"name": "orders", "datasets": {"nodes": [{"name": "orders-eu"}]}},
        "dataProducts": {"totalCount": 1},
        "dataset": {"product": {"name": "orders"}, "domain": {"name": "sales"}, "revision": 1},
        "domain": {"products": {"totalCount": 1}, "datasets": {"totalCount": 2}},
    }


async def test_a_dataset_may_name_its_products_domain_too(graph: Graph) -> None:
    await shop(graph)
    payload = await do(
        graph,
        "registerDataset",
        "events { ... on DatasetRegistered { product { name } domain { name } } }",
        name="orders-us",
        product="orders",
        domain="domain:sales",
        schema={"a": "int"},
    )
    assert payload["events"] == [{"product": {"name": "orders"}, "domain": {"name": "sales"}}]


MESH = """{
  domains { totalCount nodes { name
    products(first: 3) { totalCount nodes { name domain { name }
      datasets(first: 2) { totalCount nodes { name product { name } domain { name } } } } }
    datasets(first: 3) { totalCount nodes { name product { domain { name } } } } events(first: 1) { totalCount } } }
  dataProducts { nodes { name events(first: 2) { nodes { type
    ... on DataProductRegistered { domain { name } productVersion status } } } } }
}"""


async def test_sends_no_statement_once_for_each_row(graph: Graph) -> None:
    for n in range(6):
        await do(graph, "createDomain", name=f"s{n}", owner="ann")
        for m in range(2):
            await do(graph, "registerDataProduct", name=f"p{n}-{m}", domain=f"s{n}", owner="bob", schema={"a": "int"})
            await do(graph, "registerDataset", name=f"d{n}-{m}", product=f"p{n}-{m}", schema={"a": "int"})
    graph.statements.clear()
    data = await graph.ask(MESH)
    assert [one["products"]["totalCount"] for one in data["domains"]["nodes"]] == [2] * 6
    assert [len(one["events"]["nodes"]) for one in data["dataProducts"]["nodes"]] == [1] * 12
    sent = Counter(graph.statements)
    assert max(sent.values()) <= DEPTHS, sent.most_common(3)
    assert sum(sent.values()) < 40


async def test_the_read_tables_made_anew_are_those_that_stand(graph: Graph, database_url: str) -> None:
    await shop(graph)
    await do(graph, "updateDataProduct", name="orders", status="INACTIVE", owner="cleo")
    await do(graph, "updateDomain", name="sales", owner="cleo")
    await do(graph, "deleteDataProduct", name="orders")
    await do(graph, "registerDataProduct", name="orders", domain="sales", owner="bob", schema={"a": "int"})
    connection = await connect(database_url)
    try:
        tables = ("domain", "product", "dataset")
        before = [await connection.fetch(f"select * from {name} order by id, valid_from") for name in tables]
        await rebuild(connection, CODEC, PROJECTIONS, TABLES)
        after = [await connection.fetch(f"select * from {name} order by id, valid_from") for name in tables]
    finally:
        await connection.close()
    assert after == before
    assert [len(rows) for rows in before] == [2, 4, 3]

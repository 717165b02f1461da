"""How domains and data products change through the graph, and what is refused."""

from typing import Any

from tests.graph.conftest import Graph
from tests.graph.shop import FIELDS, do, document, refused, shop


async def test_the_name_of_a_deleted_product_may_be_registered_again(graph: Graph) -> None:
    await shop(graph)
    await do(graph, "createDomain", name="trade", owner="cleo")
    await do(graph, "deleteDataProduct", name="orders")
    payload = await do(
        graph,
        "registerDataProduct",
        "dataProduct { revision version domain { name } datasets { totalCount } events { nodes { type } } }",
        name="orders",
        domain="trade",
        owner="cleo",
        schema={"id": "string"},
        version="3.1.0",
    )
    assert payload["dataProduct"] == {
        "revision": 3,
        "version": "3.1.0",
        "domain": {"name": "trade"},
        "datasets": {"totalCount": 0},
        "events": {
            "nodes": [
                {"type": "DataProductRegistered"},
                {"type": "DataProductDeleted"},
                {"type": "DataProductRegistered"},
            ]
        },
    }
    code, message = await refused(
        graph, "registerDataProduct", name="Orders", domain="trade", owner="cleo", schema={"id": "int"}
    )
    assert (code, message) == (
        "ALREADY_EXISTS",
        "'product:Orders' differs from 'product:orders' only by case; choose another name",
    )


async def test_what_is_absent_stays_and_null_removes_what_may_go(graph: Graph) -> None:
    await shop(graph)
    await do(graph, "updateDataProduct", name="orders", description="As placed.", tags=["eu", "daily"])
    payload = await do(
        graph,
        "updateDataProduct",
        "dataProduct { revision owner description tags version status } events { type }",
        name="product:orders",
        description=None,
        tags=None,
        status="DEPRECATED",
        version="1.0.1",
    )
    assert payload == {
        "dataProduct": {
            "revision": 4,
            "owner": "bob",
            "description": "",
            "tags": [],
            "version": "1.0.1",
            "status": "DEPRECATED",
        },
        "events": [{"type": "DataProductUpdated"}, {"type": "DataProductDeprecated"}],
    }
    for field in ("owner", "fields", "schema", "status", "version"):
        assert await refused(graph, "updateDataProduct", name="orders", **{field: None}) == (
            "BAD_USER_INPUT",
            f"{field} cannot be null; leave it out to keep what stands, or give a value",
        )
    payload = await do(
        graph, "updateDomain", "domain { owner description revision } events { type }", name="sales", description=None
    )
    assert payload == {
        "domain": {"owner": "ann", "description": "", "revision": 2},
        "events": [{"type": "DomainUpdated"}],
    }
    payload = await do(graph, "updateDomain", "domain { revision } events { type }", name="sales", owner="ann")
    assert payload == {"domain": {"revision": 2}, "events": []}
    code, _ = await refused(graph, "updateDomain", name="sales", owner=None)
    assert code == "BAD_USER_INPUT"


async def test_a_schema_that_breaks_readers_names_every_break_and_the_version_it_needs(graph: Graph) -> None:
    await shop(graph)
    result = await graph.schema.execute(
        document("updateDataProduct", "events { type }"),
        variable_values={"input": {"name": "orders", "schema": {"order_id": "string"}, "version": "1.1.0"}},
        context_value=graph.context(graph.admin),
    )
    assert result.errors is not None
    (error,) = result.errors
    assert error.extensions is not None
    assert (error.extensions["code"], error.extensions["field"]) == ("PRECONDITION_FAILED", "version")
    details = error.extensions["details"]
    assert (details["version"], details["needed"]) == ("1.0.0", "2.0.0")
    assert [(one["column"], one["change"], one["from"], one["to"]) for one in details["breaks"]] == [
        ("order_id", "type replaced", "int", "string"),
        ("order_id", "made nullable", "required", "nullable"),
        ("total", "nullable column removed", "decimal(12,2), nullable", None),
    ]
    payload = await do(
        graph,
        "updateDataProduct",
        "dataProduct { version schema { name type } }",
        name="orders",
        schema={"order_id": "string"},
        version="2.0.0",
    )
    assert payload["dataProduct"] == {"version": "2.0.0", "schema": [{"name": "order_id", "type": "string"}]}


async def test_refuses_and_records_nothing(graph: Graph) -> None:
    await shop(graph)
    product: dict[str, Any] = {"name": "new", "domain": "sales", "owner": "bob", "schema": {"a": "int"}}
    dataset: dict[str, Any] = {"name": "new", "schema": {"a": "int"}}
    await do(graph, "createDomain", name="trade", owner="cleo")
    for mutation, given, code, saying in [
        ("createDomain", {"name": "SALES", "owner": "x"}, "ALREADY_EXISTS", "differs from 'domain:sales' only by case"),
        ("createDomain", {"name": "sales", "owner": "x"}, "ALREADY_EXISTS", "domain 'sales' exists"),
        ("createDomain", {"name": "a b", "owner": "x"}, "BAD_USER_INPUT", "name 'a b' is not a name"),
        ("updateDomain", {"name": "gone", "owner": "x"}, "NOT_FOUND", "domain 'gone' is not known"),
        ("updateDomain", {"name": "sales", "owner": "x", "expectedVersion": 7}, "CONFLICT", "revision 1, not 7"),
        ("registerDataProduct", product | {"name": "orders"}, "ALREADY_EXISTS", "'orders' exists"),
        ("registerDataProduct", product | {"domain": "gone"}, "NOT_FOUND", "domain 'gone' is not known"),
        ("registerDataProduct", product | {"schema": None}, "BAD_USER_INPUT", "no schema is given"),
        ("registerDataProduct", product | {"schema": {}}, "BAD_USER_INPUT", "at least one field"),
        ("registerDataProduct", product | {"fields": FIELDS}, "BAD_USER_INPUT", "fields and schema are given"),
        ("registerDataProduct", product | {"version": "2"}, "BAD_USER_INPUT", "version '2' is not taken"),
        ("registerDataProduct", product | {"domain": "product:x"}, "BAD_USER_INPUT", "is not a name"),
        ("updateDataProduct", {"name": "gone", "owner": "x"}, "NOT_FOUND", "data product 'gone' is not known"),
        ("updateDataProduct", {"name": "orders", "expectedVersion": 9}, "CONFLICT", "revision 1, not 9"),
        ("updateDataProduct", {"name": "orders", "version": "0.9.0"}, "PRECONDITION_FAILED", "never goes down"),
        ("deleteDataProduct", {"name": "gone"}, "NOT_FOUND", "data product 'gone' is not known"),
        ("deleteDataProduct", {"name": "Orders"}, "NOT_FOUND", "data product 'Orders' is not known"),
        ("deleteDataProduct", {"name": "orders", "reason": " "}, "BAD_USER_INPUT", "reason is empty"),
        ("registerDataset", dataset | {"product": "gone"}, "NOT_FOUND", "data product 'gone' is not known"),
        ("registerDataset", dataset | {"domain": "gone"}, "NOT_FOUND", "domain 'gone' is not known"),
        (
            "registerDataset",
            dataset | {"product": "orders", "domain": "trade"},
            "BAD_USER_INPUT",
            "data product 'orders' belongs to domain 'sales', not to 'trade'",
        ),
    ]:
        told = await refused(graph, mutation, **given)
        assert (told[0], saying in told[1]) == (code, True), (mutation, given, told)


async def test_a_key_repeats_the_answer_and_records_nothing_new(graph: Graph) -> None:
    await shop(graph)
    given: dict[str, Any] = {"name": "orders", "reason": "replaced", "idempotencyKey": "once"}
    first = await do(graph, "deleteDataProduct", "deletedId events { position type }", **given)
    assert await do(graph, "deleteDataProduct", "deletedId events { position type }", **given) == first
    code, _ = await refused(graph, "deleteDataProduct", name="orders", reason="other", idempotencyKey="once")
    assert code == "CONFLICT"

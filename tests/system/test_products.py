"""The life of a data product through HTTP: keys that repeat, revisions that clash, a domain that is followed live."""

import asyncio

from tests.system.serving import ServerProcess
from tests.system.story import Json, do, document, head, refusal, window

EVENTS = (
    "subscription ($filter: EventFilter, $after: BigInt) { events(filter: $filter, after: $after) { type stream } }"
)
PRODUCT = "dataProduct { revision version status owner } events { position type }"


async def test_the_life_of_a_product(server: ServerProcess) -> None:
    await do(server, "createDomain", name="sales", owner="ann", idempotencyKey="domain")
    await do(server, "createDomain", name="trade", owner="bob")
    async with window(server, EVENTS, "events", filter={"domain": "sales"}, after=0) as sales:
        given: Json = {"name": "orders", "domain": "sales", "owner": "ann", "schema": {"id": "int"}}
        first = await do(server, "registerDataProduct", PRODUCT, **given, idempotencyKey="product")
        assert first["dataProduct"] == {"revision": 1, "version": "1.0.0", "status": "ACTIVE", "owner": "ann"}
        assert await do(server, "registerDataProduct", PRODUCT, **given, idempotencyKey="product") == first
        reused = await refusal(server, "registerDataProduct", **given | {"owner": "eve"}, idempotencyKey="product")
        assert (reused["code"], reused["field"]) == ("CONFLICT", "idempotencyKey")

        await do(server, "registerDataset", name="orders-eu", product="orders", schema={"id": "int"})
        await do(server, "registerDataset", name="elsewhere", domain="trade", schema={"id": "int"})
        await do(server, "createContract", dataset="orders-eu", contractId="c1")
        await do(server, "registerLineage", source="external:shop/orders", target="product:orders")

        answers = await asyncio.gather(*(changed(server, owner, revision=1) for owner in ("cleo", "dan")))
        assert sorted(answer["code"] for answer in answers) == ["CONFLICT", "OK"]
        (lost,) = [answer for answer in answers if answer["code"] == "CONFLICT"]
        assert lost["message"] == "'product:orders' stands at revision 2, not 1; read it again and decide anew"

        payload = await do(server, "updateDataProduct", PRODUCT, name="orders", status="DEPRECATED", expectedVersion=2)
        assert (payload["dataProduct"]["status"], payload["dataProduct"]["revision"]) == ("DEPRECATED", 3)
        before = await head(server)
        payload = await do(server, "deleteDataProduct", "deletedId events { type }", name="orders", reason="replaced")
        assert payload == {
            "deletedId": "product:orders",
            "events": [{"type": "LineageRemoved"}, {"type": "DataProductDeleted"}],
        }
        seen = await sales.next(9)
    assert [f"{event['type']} {event['stream']}" for event in seen] == [
        "DomainCreated domain:sales",
        "DataProductRegistered product:orders",
        "DatasetRegistered dataset:orders-eu",
        "DataContractDefined contract:c1",
        "LineageRegistered lineage:declared",
        "DataProductUpdated product:orders",
        "DataProductDeprecated product:orders",
        "LineageRemoved lineage:declared",
        "DataProductDeleted product:orders",
    ]
    asked = """{ dataProduct(name: "orders") { version } lineageEdges { totalCount }
      dataset(name: "orders-eu") { product { name } domain { name } } }"""
    assert await server.ask(asked) == {
        "dataProduct": None,
        "lineageEdges": {"totalCount": 0},
        "dataset": {"product": None, "domain": {"name": "sales"}},
    }
    then = await server.ask(f"{{ catalog(atPosition: {before}) {asked} }}")
    assert then["catalog"] == {
        "dataProduct": {"version": "1.0.0"},
        "lineageEdges": {"totalCount": 1},
        "dataset": {"product": {"name": "orders"}, "domain": {"name": "sales"}},
    }


async def changed(server: ServerProcess, owner: str, revision: int) -> Json:
    """What comes of a change that rests on a revision."""
    given = {"name": "orders", "owner": owner, "expectedVersion": revision}
    answer = await server.answer(document("updateDataProduct", "events { type }"), input=given)
    if "errors" not in answer:
        return {"code": "OK", "message": None}
    (error,) = answer["errors"]
    return {"code": error["extensions"]["code"], "message": error["message"]}

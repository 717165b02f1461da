"""A name is taken once, case and Unicode form aside: each kind of name."""

from typing import Any

from tests.graph.conftest import Graph

DOMAIN = 'mutation($n: String!) { createDomain(input: {name: $n, owner: "ann"}) { domain { name } } }'
PRODUCT = """mutation($n: String!) {
  registerDataProduct(input: {name: $n, domain: "sales", owner: "ann", schema: {x: "int"}}) {
    dataProduct { name } } }"""
DATASET = 'mutation($n: String!) { registerDataset(input: {name: $n, schema: {x: "int"}}) { dataset { name } } }'
CONTRACT = """mutation($n: String!) {
  createContract(input: {dataset: "sales", contractId: $n}) { contract { contractId } } }"""
COLUMNS = """mutation($fields: [FieldInput!]) {
  registerDataset(input: {name: "wide", fields: $fields}) { dataset { schema { name } } } }"""
OFFERED = """mutation($fields: [FieldInput!]) {
  registerDataProduct(input: {name: "wide", domain: "sales", owner: "ann", fields: $fields}) {
    dataProduct { schema { name } } } }"""
TAGGED = """mutation($tags: [String!]) {
  registerDataProduct(input: {name: "t", domain: "sales", owner: "ann", schema: {x: "int"}, tags: $tags}) {
    dataProduct { tags } } }"""
EDGE = """mutation($source: ID!) {
  registerLineage(input: {source: $source, target: "dataset:sales"}) { edge { source { id } } } }"""


async def mesh(graph: Graph) -> None:
    """One of each under the name `sales`."""
    for document in (DOMAIN, PRODUCT, DATASET, CONTRACT):
        await graph.ask(document, n="sales")


async def unchanged(graph: Graph, document: str, **variables: Any) -> tuple[str, str]:
    """Why it was refused; nothing is recorded."""
    before = await graph.parts.mesh.events.head()
    refused = await graph.refused(document, **variables)
    assert await graph.parts.mesh.events.head() == before
    return refused


async def test_domains_products_datasets_and_contracts(graph: Graph) -> None:
    await mesh(graph)
    for kind, document in (("domain", DOMAIN), ("product", PRODUCT), ("dataset", DATASET), ("contract", CONTRACT)):
        code, message = await unchanged(graph, document, n="sales")
        assert (code, "'sales' exists" in message) == ("ALREADY_EXISTS", True)
        assert await unchanged(graph, document, n="SALES") == (
            "ALREADY_EXISTS",
            f"'{kind}:SALES' differs from '{kind}:sales' only by case; choose another name",
        )


async def test_signs_that_only_look_like_letters_are_refused(graph: Graph) -> None:
    await mesh(graph)
    for document in (DOMAIN, PRODUCT, DATASET, CONTRACT):
        for name in ("s\u0430les", "\uff53ales", "\u017fales", "\u212aids", "sales\u200b", "cafe\u0301"):
            code, message = await unchanged(graph, document, n=name)
            assert (code, "is not a name" in message) == ("BAD_USER_INPUT", True)


async def test_a_column(graph: Graph) -> None:
    await mesh(graph)
    for one, other in (
        ("Amount", "AMOUNT"),
        ("caf\u00e9", "cafe\u0301"),
        ("Straße", "STRASSE"),
        ("\u0390", "\u03aa\u0301"),  # composed again only after its case is folded
        ("K", "\u212a"),
    ):
        fields = [{"name": name, "type": "int"} for name in (one, "between", other)]
        for document in (COLUMNS, OFFERED):
            assert await unchanged(graph, document, fields=fields) == (
                "BAD_USER_INPUT",
                f"field {other!r} stands twice (as {one!r}); name each column once",
            )


async def test_a_column_is_kept_in_one_form(graph: Graph) -> None:
    answer = await graph.ask(COLUMNS, fields=[{"name": "Cafe\u0301", "type": "int"}])
    assert answer["registerDataset"]["dataset"]["schema"] == [{"name": "Caf\u00e9"}]


async def test_a_tag(graph: Graph) -> None:
    await mesh(graph)
    answer = await graph.ask(TAGGED, tags=[" Gold", "GOLD ", "cafe\u0301", "CAF\u00c9", "Straße", "STRASSE", " "])
    assert answer["registerDataProduct"]["dataProduct"]["tags"] == ["gold", "caf\u00e9", "strasse"]


async def test_an_external_asset(graph: Graph) -> None:
    await mesh(graph)
    await graph.ask(EDGE, source="external:crm/Caf%C3%A9")
    code, message = await unchanged(graph, EDGE, source="external:CRM/CAFE%CC%81")
    assert (code, "'external:crm/Caf%C3%A9'" in message) == ("ALREADY_EXISTS", True)

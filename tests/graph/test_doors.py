"""What an address and an operation may not do although each part of it is allowed."""

from datetime import UTC, datetime, timedelta

import pytest
from graphql import parse

from graphql_schema.schema import build_schema
from server.adapters.storage import layout
from server.adapters.storage.signing import Permit
from server.adapters.store.listing import At
from server.adapters.store.reader import NOW
from server.http.graphql.weight import weigh
from server.kernel.errors import Forbidden
from tests.graph.batches import fill
from tests.graph.conftest import Graph


async def test_an_address_ends_when_the_rows_behind_it_are_replaced(graph: Graph) -> None:
    await fill(graph, datasets=range(1))
    mesh = graph.parts.mesh
    (grants,) = (await mesh.batches.grants([At("batch:b0-0", NOW)])).values()
    name = grants[0].id.removeprefix("grant:")

    def permit(attempt: int) -> Permit:
        expires_at = datetime.now(UTC) + timedelta(minutes=5)
        return Permit(method="GET", key=layout.gold("d0", "b0-0", attempt), expires_at=expires_at, grant=name)

    await mesh.grants.authorize(permit(3), None, "c-1", reads=True)
    with pytest.raises(Forbidden, match="was replayed since this address was made"):
        await mesh.grants.authorize(permit(2), None, "c-1", reads=True)


async def test_refuses_one_id_twice(graph: Graph) -> None:
    refused = await graph.refused('{ nodes(ids: ["dataset:a", "dataset:b", "dataset:a"]) { id } }')
    assert refused == ("BAD_USER_INPUT", "ids names something twice; name each thing once")


def test_weighs_nodes_by_the_number_of_ids() -> None:
    schema = build_schema()._schema
    document = parse("query($ids: [ID!]!) { nodes(ids: $ids) { ... on Dataset { name } } }")
    costs = [weigh(schema, document, None, {"ids": ["x"] * count}).cost for count in (1, 10, 100)]
    assert costs == [2, 2, 11]  # 1 + a tenth for each
    literal = parse('{ nodes(ids: ["a", "b", "c"]) { ... on Dataset { schema { name } } } }')
    assert weigh(schema, literal, None, {}).cost == 7  # 1 + 3 x (1 + 10 x 0.1)


def test_weighs_what_takes_long_by_its_work() -> None:
    schema = build_schema()._schema
    dear = {
        '{ dataset(name: "a") { schemaAs(format: AVRO) } }': 51,
        '{ suggestPrivacyRules(batchId: "a") { column } }': 501,
        '{ previewAnonymization(batchId: "a") { rows } }': 501,
    }
    for text, cost in dear.items():
        assert weigh(schema, parse(text), None, {}).cost == cost, text

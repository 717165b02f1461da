"""Schemas in the graph: changed, told in other formats, and taken from them."""

import json
from typing import Any

import pytest

from server.mesh.contract.references import References
from tests.graph.conftest import Graph

EVOLVE = """mutation ($input: EvolveSchemaInput!) { evolveSchema(input: $input) {
  dataset { revision schemaVersion containsPii schema { name type nullable pii } }
  events { type position ... on DatasetSchemaEvolved {
    schemaVersion compatibility fields { name } dataset { name schemaVersion } } } } }"""
REGISTER = (
    "mutation ($input: RegisterDatasetInput!) { registerDataset(input: $input) { dataset { schema { name type } } } }"
)
HISTORY = '{ dataset(name: "orders") { schemaHistory { version compatibility schema { name } position } } }'
AS = 'query ($format: SchemaFormat!) { dataset(name: "orders") { schemaAs(format: $format) } }'
FORMATS = ("JSON_SCHEMA", "AVRO", "SQL_DDL", "ODCS")


async def register(graph: Graph, **given: Any) -> Any:
    return await graph.ask(REGISTER, input={"name": "orders"} | (given or {"schema": {"id": "int", "town": "string"}}))


async def evolve(graph: Graph, **given: Any) -> Any:
    return (await graph.ask(EVOLVE, input={"dataset": "orders"} | given))["evolveSchema"]


async def refused(graph: Graph, **given: Any) -> tuple[str, str]:
    """The refusal of a change, before and after which the log is the same."""
    before = await graph.parts.mesh.events.head()
    found = await graph.refused(EVOLVE, input={"dataset": "orders"} | given)
    assert await graph.parts.mesh.events.head() == before
    return found


async def test_a_schema_is_changed_and_every_version_is_kept(graph: Graph) -> None:
    await register(graph)
    fields = [{"name": "id", "type": "float"}, {"name": "e mail", "type": "string", "pii": True}]
    assert await evolve(graph, fields=fields, expectedVersion=1) == {
        "dataset": {
            "revision": 2,
            "schemaVersion": 2,
            "containsPii": True,
            "schema": [
                {"name": "id", "type": "float", "nullable": True, "pii": False},
                {"name": "e mail", "type": "string", "nullable": True, "pii": True},
            ],
        },
        "events": [
            {
                "type": "DatasetSchemaEvolved",
                "position": 2,
                "schemaVersion": 2,
                "compatibility": "BACKWARD",
                "fields": [{"name": "id"}, {"name": "e mail"}],
                "dataset": {"name": "orders", "schemaVersion": 2},
            }
        ],
    }
    await evolve(graph, schema={"id": "string"}, compatibility="NONE")
    history = (await graph.ask(HISTORY))["dataset"]["schemaHistory"]
    assert [(one["version"], one["compatibility"], one["position"]) for one in history] == [
        (1, "NONE", 1),
        (2, "BACKWARD", 2),
        (3, "NONE", 3),
    ]
    then = await graph.ask('{ catalog(atPosition: 2) { dataset(name: "orders") { schemaVersion containsPii } } }')
    assert then["catalog"]["dataset"] == {"schemaVersion": 2, "containsPii": True}
    now = await graph.ask('{ dataset(name: "orders") { schemaVersion containsPii } }')
    assert now["dataset"] == {"schemaVersion": 3, "containsPii": True}


async def test_the_same_schema_and_the_same_key_record_nothing_again(graph: Graph) -> None:
    await register(graph)
    assert (await evolve(graph, schema={"id": "int", "town": "string"}))["events"] == []
    first = await evolve(graph, schema={"id": "int"}, idempotencyKey="k1")
    assert await evolve(graph, schema={"id": "int"}, idempotencyKey="k1") == first
    assert await graph.parts.mesh.events.head() == 2
    assert (await refused(graph, schema={"id": "float"}, idempotencyKey="k1"))[0] == "CONFLICT"


async def test_a_change_that_breaks_readers_names_every_break(graph: Graph) -> None:
    await register(graph)
    given = {"dataset": "orders", "schema": {"id": "boolean", "place": "string"}, "compatibility": "FULL"}
    answer = await graph.schema.execute(
        EVOLVE, variable_values={"input": given}, context_value=graph.context(graph.admin)
    )
    assert answer.errors is not None
    [error] = answer.errors
    assert (error.extensions or {})["code"] == "PRECONDITION_FAILED"
    assert "column 'id': type replaced (int to boolean)" in error.message
    assert (error.extensions or {})["details"]["breaks"] == [
        {
            "column": "id",
            "change": "type replaced",
            "from": "int",
            "to": "boolean",
            "why": "not every old value has the new type and not every new value has the old type",
        }
    ]


async def test_refuses_what_cannot_be_a_change(graph: Graph) -> None:
    await register(graph)
    plain = {"schema": {"id": "int"}}
    assert (await refused(graph, dataset="nobody", **plain))[0] == "NOT_FOUND"
    assert await refused(graph, expectedVersion=7, **plain) == (
        "CONFLICT",
        "'dataset:orders' stands at revision 1, not 7; read it again and decide anew",
    )
    assert await refused(graph) == (
        "BAD_USER_INPUT",
        "no schema is given; give exactly one of fields, schema and schemaText",
    )
    assert await refused(graph, schemaText="{}", schemaFormat="AVRO", **plain) == (
        "BAD_USER_INPUT",
        "schema and schemaText are given; give exactly one of fields, schema and schemaText",
    )
    assert await refused(graph, schemaText="{}") == (
        "BAD_USER_INPUT",
        "schemaText without schemaFormat says nothing; give both or neither",
    )
    assert (await refused(graph, schemaFormat="AVRO", **plain))[0] == "BAD_USER_INPUT"
    assert (await refused(graph, schemaText="drop table event", schemaFormat="SQL_DDL"))[0] == "BAD_USER_INPUT"
    assert (await refused(graph, schema={}))[0] == "BAD_USER_INPUT"


@pytest.mark.parametrize("format", FORMATS)
async def test_a_schema_goes_out_and_comes_in_again(graph: Graph, format: str) -> None:
    fields = [
        {"name": "id", "type": "int", "primaryKey": True},
        {"name": "größe in %", "type": "decimal(10,2)", "description": "It's a share."},
        {"name": "e-mail", "type": "string", "pii": True, "subjectKey": True},
    ]
    await register(graph, fields=fields)
    text = (await graph.ask(AS, format=format))["dataset"]["schemaAs"]
    assert (await evolve(graph, schemaText=text, schemaFormat=format, compatibility="FULL"))["events"] == []
    given = {"name": "copy", "schemaText": text, "schemaFormat": format}
    await graph.ask(REGISTER, input=given)
    shape = "schema { name type nullable pii subjectKey primaryKey description } containsPii"
    found = await graph.ask(f'{{ a: dataset(name: "orders") {{ {shape} }} b: dataset(name: "copy") {{ {shape} }} }}')
    assert found["a"] == found["b"]
    assert found["a"]["containsPii"] is True


async def test_a_schema_is_told_as_it_was_at_a_position(graph: Graph) -> None:
    await register(graph)
    await evolve(graph, schema={"id": "int"})
    query = '{ catalog(atPosition: 1) { dataset(name: "orders") { schemaAs(format: JSON_SCHEMA) } } }'
    text = (await graph.ask(query))["catalog"]["dataset"]["schemaAs"]
    assert list(json.loads(text)["properties"]) == ["id", "town"]


async def test_a_contract_whose_rules_would_lose_their_columns_bars_the_change(graph: Graph) -> None:
    await register(graph)
    contract = {
        "contractId": "c1",
        "dataset": "orders",
        "qualityRules": [{"column": "id", "check": "> 0"}, {"column": "id", "check": "not null"}],
        "privacyRules": [{"column": "town", "strategy": "REDACT"}],
    }
    await graph.ask(
        "mutation ($input: CreateContractInput!) { createContract(input: $input) { contract { id } } }", input=contract
    )
    code, message = await refused(graph, schema={"id": "int"})
    assert code == "PRECONDITION_FAILED"
    assert "contract 'c1': town REDACT" in message
    assert "updateContract" in message
    code, message = await refused(graph, schema={"id": "json", "town": "string"}, compatibility="FORWARD")
    assert ("contract 'c1': id > 0" in message, "id not null" in message) == (True, False)
    await graph.ask('mutation { retireContract(input: {contract: "c1", reason: "over"}) { contract { id } } }')
    assert len((await evolve(graph, schema={"id": "int"}))["events"]) == 1


async def test_a_contract_rests_on_the_schema_that_stands_when_it_is_recorded(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    await register(graph)
    looks: list[object] = []
    check = References.check

    async def check_while_the_column_goes(references: References, *given: Any) -> None:
        await check(references, *given)
        looks.append(given)
        if len(looks) == 1:
            await evolve(graph, schema={"id": "int"}, compatibility="NONE")

    monkeypatch.setattr(References, "check", check_while_the_column_goes)
    contract = {"contractId": "c1", "dataset": "orders", "qualityRules": [{"column": "town", "check": "not null"}]}
    code, message = await graph.refused(
        "mutation ($input: CreateContractInput!) { createContract(input: $input) { contract { id } } }", input=contract
    )
    assert (code, message) == ("BAD_USER_INPUT", "column 'town' is not in the schema; name one of 'id'")
    assert len(looks) == 1


async def test_a_change_of_schema_needs_the_right_to_change(graph: Graph, anonymous: Any) -> None:
    await register(graph)
    code, _ = await graph.refused(EVOLVE, caller=anonymous, input={"dataset": "orders", "schema": {"id": "int"}})
    assert code == "UNAUTHENTICATED"

import asyncio
from typing import Any

import pytest

from tests.graph.conftest import Graph

REGISTER = """mutation ($input: RegisterDatasetInput!) { registerDataset(input: $input) { dataset { id } } }"""
CREATE = """mutation ($input: CreateContractInput!) { createContract(input: $input) { contract { id } } }"""
UPDATE = """mutation ($input: UpdateContractInput!) { updateContract(input: $input) { contract { version } } }"""
RETIRE = """mutation ($input: RetireContractInput!) { retireContract(input: $input) { contract { id } } }"""
POSITION = "{ serverInfo { position } }"


async def registered(graph: Graph, *names: str) -> None:
    for name in names:
        fields = [
            {"name": "id", "type": "int"},
            {"name": "other", "type": "int"},
            {"name": "full name", "type": "string"},
        ]
        await graph.ask(REGISTER, input={"name": name, "fields": fields})


def contract(dataset: str, looks_into: str | None = None, column: str = "id") -> dict[str, Any]:
    rules = [] if looks_into is None else [{"column": "other", "check": f"in dataset {looks_into}.{column}"}]
    return {"contractId": f"{dataset}-terms", "dataset": dataset, "qualityRules": rules}


async def refusal(graph: Graph, document: str, **given: Any) -> tuple[str, str]:
    """The refusal, which recorded nothing."""
    before = await graph.ask(POSITION)
    refused = await graph.refused(document, input=given)
    assert await graph.ask(POSITION) == before
    return refused


@pytest.mark.parametrize(
    ("looks_into", "column", "code", "message"),
    [
        ("nobody", "id", "NOT_FOUND", "check 'in dataset nobody.id': dataset 'nobody' is not known; register it"),
        ("users", "idd", "BAD_USER_INPUT", "in dataset 'users' column 'idd' is not in the schema; did you mean 'id'?"),
        (
            "users",
            '"full name"',
            "BAD_USER_INPUT",
            "'other' is int and users.full name is string, which do not compare",
        ),
        ('"no name"', "id", "BAD_USER_INPUT", "is not a name"),
    ],
)
async def test_a_reference_names_a_column_that_compares(
    graph: Graph, looks_into: str, column: str, code: str, message: str
) -> None:
    await registered(graph, "users", "orders")
    refused = await refusal(graph, CREATE, **contract("orders", looks_into, column))
    assert refused[0] == code
    assert message in refused[1]
    await graph.ask(CREATE, input=contract("orders"))
    rules = contract("orders", looks_into, column)["qualityRules"]
    assert await refusal(graph, UPDATE, contract="orders-terms", qualityRules=rules) == refused


async def test_contracts_do_not_look_round_in_a_circle(graph: Graph) -> None:
    await registered(graph, "a", "b", "c")
    await graph.ask(CREATE, input=contract("a", "b"))
    await graph.ask(CREATE, input=contract("b", "c"))
    message = (
        "rules that look into other datasets would go round in a circle (c > a > b > c);"
        " leave out the rule of 'c' that looks into 'a'"
    )
    assert await refusal(graph, CREATE, **contract("c", "a")) == ("PRECONDITION_FAILED", message)
    itself = await refusal(graph, CREATE, **contract("c", "c"))
    assert itself[0] == "PRECONDITION_FAILED"
    assert "(c > c)" in itself[1]
    await graph.ask(CREATE, input=contract("c"))
    rules = contract("c", "a")["qualityRules"]
    assert await refusal(graph, UPDATE, contract="c-terms", qualityRules=rules) == ("PRECONDITION_FAILED", message)
    await graph.ask(RETIRE, input={"contract": "b-terms", "reason": "no longer"})
    await graph.ask(UPDATE, input={"contract": "c-terms", "qualityRules": rules})


async def test_a_contract_may_drop_the_rule_that_closed_a_circle(graph: Graph) -> None:
    await registered(graph, "a", "b")
    await graph.ask(CREATE, input=contract("a", "b"))
    await graph.ask(UPDATE, input={"contract": "a-terms", "qualityRules": contract("a", "b")["qualityRules"]})
    await graph.ask(UPDATE, input={"contract": "a-terms", "qualityRules": []})
    await graph.ask(CREATE, input=contract("b", "a"))


async def test_of_two_contracts_at_once_one_closes_the_circle_and_is_refused(graph: Graph) -> None:
    names = [f"d{place}" for place in range(8)]
    await registered(graph, *names)
    pairs = [(one, other) for one, other in zip(names[::2], names[1::2], strict=True)]
    given = [contract(*way) for pair in pairs for way in (pair, pair[::-1])]
    answers = await asyncio.gather(
        *(
            graph.schema.execute(CREATE, variable_values={"input": one}, context_value=graph.context(graph.admin))
            for one in given
        )
    )
    codes = [(answer.errors[0].extensions or {})["code"] if answer.errors else "made" for answer in answers]
    assert [sorted(codes[place : place + 2]) for place in range(0, 8, 2)] == [["PRECONDITION_FAILED", "made"]] * 4

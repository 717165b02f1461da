"""Refusals keep their code, the client's mistakes get one, faults are masked and logged once."""

import logging

import httpx
import pytest

from tests.http.graphql.toy import client, toy


async def ask(query: str, **request: object) -> httpx.Response:
    async with client(toy()) as http:
        return await http.post("/graphql", json={"query": query, **request}, headers={"X-Correlation-Id": "c-1"})


def faults(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_a_refusal_tells_code_field_and_details_and_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    answer = (await ask("{taken}")).json()
    assert answer["errors"] == [
        {
            "message": "the name 'ada' is taken; choose another",
            "locations": [{"line": 1, "column": 2}],
            "path": ["taken"],
            "extensions": {"code": "ALREADY_EXISTS", "field": "name", "details": {"taken": "ada"}},
        }
    ]
    assert answer["data"] == {"taken": None}
    assert faults(caplog) == []


@pytest.mark.parametrize("query", ["{broken}", "{brokenList}", "{brokenForGood}"])
async def test_a_fault_is_masked_and_logged_once(query: str, caplog: pytest.LogCaptureFixture) -> None:
    response = await ask(query)
    (error,) = response.json()["errors"]
    assert error["message"] == "internal error"
    assert error["extensions"] == {"code": "INTERNAL", "correlationId": "c-1"}
    assert error["path"][0] == query.strip("{}")
    assert "4711" not in response.text
    (record,) = faults(caplog)
    assert "c-1" in record.getMessage()
    assert record.exc_info is not None
    assert "4711" in str(record.exc_info[1])


async def test_the_same_fault_in_many_places_is_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    answer = (await ask("{" + " ".join(f"b{n}:broken" for n in range(20)) + "}")).json()
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["INTERNAL"] * 20
    assert len(faults(caplog)) == 1


async def test_a_timeout_of_a_driver_is_a_fault_and_not_the_deadline() -> None:
    answer = (await ask("{ownTimeout}")).json()
    assert answer["errors"][0]["extensions"]["code"] == "INTERNAL"


@pytest.mark.parametrize(
    ("query", "variables", "code"),
    [
        ("{", None, "GRAPHQL_PARSE_FAILED"),
        ("", None, "BAD_USER_INPUT"),
        ("# nothing", None, "GRAPHQL_PARSE_FAILED"),
        ("{nope}", None, "GRAPHQL_VALIDATION_FAILED"),
        ('{people(first:"x"){totalCount}}', None, "GRAPHQL_VALIDATION_FAILED"),
        ("type Query{a:Int}", None, "GRAPHQL_VALIDATION_FAILED"),
        ("query($n:Int!){people(first:$n){totalCount}}", None, "BAD_USER_INPUT"),
        ("query($n:Int!){people(first:$n){totalCount}}", {"n": "x"}, "BAD_USER_INPUT"),
        ("query($n:Int!){people(first:$n){totalCount}}", {"n": 1e199}, "BAD_USER_INPUT"),
        ("query($n:Int!){people(first:$n){totalCount}}", {"n": {"deep": [1]}}, "BAD_USER_INPUT"),
        ("query($n:Int = 1){person{friends(first:$n){totalCount}}}", {"n": None}, "BAD_USER_INPUT"),
        ("query($s:Boolean!){hello @skip(if:$s)}", {"s": "x"}, "BAD_USER_INPUT"),
        ("query($s:Boolean = true){hello @skip(if:$s)}", {"s": None}, "BAD_USER_INPUT"),
        ("query($s:String){hello(name:$s)}", {"s": "a\0b"}, "BAD_USER_INPUT"),
    ],
)
async def test_the_mistakes_of_clients_have_codes_and_are_not_logged(
    query: str, variables: object, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = (await ask(query, variables=variables)).json()
    assert [error["extensions"]["code"] for error in answer["errors"]] == [code]
    assert faults(caplog) == []


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("query($p:PersonInput!){greet(person:$p)}", {"p": {"name": "ada@example.com, found: bo", "surplus": 1}}),
        ("query($p:PersonInput!){greet(person:$p)}", {"p": "ada@example.com, found: bo"}),
        ('{greet(person:{name:"ada@example.com, found: bo", surplus: 1})}', None),
        ('{greet(person:{name:"ada@example.com, found: bo", nam: 1})}', None),  # a name to be suggested for
        ("query($p:PersonInput!){greet(person:$p)}", {"p": {"name": "ada@example.com, found: bo", "nam": 1}}),
        ("query($p:PersonInput!){greet(person:$p)}", {"p": {"name": ["ada@example.com, found: bo"]}}),
        ("query($s:String){hello(name:$s)}", {"s": {"a": "ada@example.com, found: bo"}}),
        ('{greet(person:{name:["ada@example.com, found: bo"]})}', None),
        ('{greet(person:{name "ada@example.com, found: bo"})}', None),
        ('{greet "ada@example.com, found: bo"}', None),
        ('{greet(person:{name: """ada@example.com, found: bo""" """ada@example.com"""})}', None),
    ],
)
async def test_an_input_that_does_not_fit_is_not_repeated(query: str, variables: object) -> None:
    answer = (await ask(query, variables=variables)).json()
    assert answer["errors"] != []
    assert "ada@" not in str(answer)
    assert "found: bo" not in str(answer)


async def test_more_mistakes_than_are_told_are_the_clients_too(caplog: pytest.LogCaptureFixture) -> None:
    names = [f"n{number}" for number in range(60)]
    heads = ",".join(f"${name}:Int!" for name in names)
    fields = " ".join(f"{name}:people(first:${name}){{totalCount}}" for name in names)
    errors = (await ask(f"query({heads}){{{fields}}}", variables=dict.fromkeys(names, "x"))).json()["errors"]
    assert "error limit reached" in errors[-1]["message"]
    assert {error["extensions"]["code"] for error in errors} == {"BAD_USER_INPUT"}
    assert faults(caplog) == []


async def test_an_unknown_operation_is_named() -> None:
    response = await ask("query A{hello}", operationName="B")
    assert response.status_code == 400
    assert response.json() == {
        "errors": [
            {
                "message": "the document has no operation 'B'; name one of its operations",
                "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"},
            }
        ]
    }


@pytest.mark.parametrize(
    "variables",
    [{"s": "\0"}, {"s": {"a": [{"b": "x\0"}]}}, {"s": {"\0": 1}}, {"other": "\0"}],
)
async def test_nul_is_refused_wherever_variables_hold_it(variables: dict[str, object]) -> None:
    answer = (await ask("query($s:String){hello(name:$s)}", variables=variables)).json()
    (name,) = variables
    assert answer["errors"] == [
        {
            "message": f"the variable '{name}' holds the character NUL; take it out",
            "extensions": {"code": "BAD_USER_INPUT", "field": name},
        }
    ]


@pytest.mark.parametrize("escape", ["\\u0000", "\\u{0}", "\\u{0000}"])
async def test_nul_is_refused_in_the_strings_of_a_document(escape: str) -> None:
    answer = (await ask('{\nhello(name:"a' + escape + '")}')).json()
    assert answer["errors"] == [
        {
            "message": "a string in line 2 of the document holds the character NUL; take it out",
            "extensions": {"code": "BAD_USER_INPUT"},
        }
    ]


async def test_other_escapes_pass() -> None:
    assert (await ask('{hello(name:"\\u00e9\\u{1F600}")}')).json()["data"] == {"hello": "hello é😀"}
    assert (await ask('{hello(name:"\\\\u0000")}')).json()["data"] == {"hello": "hello \\u0000"}


async def test_nul_itself_is_no_part_of_a_document() -> None:
    answer = (await ask('{hello(name:"\0")}')).json()
    assert answer["errors"][0]["extensions"]["code"] in {"GRAPHQL_PARSE_FAILED", "BAD_USER_INPUT"}
    assert "data" not in answer

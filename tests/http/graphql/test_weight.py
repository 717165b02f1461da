"""The weight of an operation follows its pages, its prices and its fragments, and costs one visit for each node."""

import pytest
from graphql import parse

from server.http.graphql.limits import Limits
from server.http.graphql.weight import SHOWN, Weight, refuse_weight, weigh
from server.kernel.errors import LimitExceeded
from tests.http.graphql.toy import client, toy, toy_schema

SCHEMA = toy_schema(Limits())._schema


def weight(text: str, name: str | None = None, **variables: object) -> Weight:
    return weigh(SCHEMA, parse(text), name, variables)


@pytest.mark.parametrize(
    ("text", "cost", "depth"),
    [
        ("{__typename}", 0, 1),
        ("{hello}", 1, 1),  # a tenth, rounded up
        ("{a:hello b:hello c:hello d:hello e:hello f:hello g:hello h:hello i:hello j:hello}", 1, 1),
        ("{person{name}}", 2, 2),
        ("{people{totalCount}}", 2, 2),  # the count is not multiplied
        ("{people{nodes{name}}}", 56, 3),  # 1 + 50 x (1 + 0.1)
        ("{people(first: 10){nodes{name}}}", 12, 3),
        ("{people(last: 10, first: null){nodes{name}}}", 12, 3),
        ("{people(first: 0){nodes{name}}}", 1, 3),
        ("{people(first: 10){nodes{friends(first: 10){nodes{name}}}}}", 131, 5),  # 1 + 10 x (1 + 1 + 10 x 1.1)
        ("{nodes{id}}", 2, 2),  # 1 + 10 x 0.1
        ("{person{peers{name} tags}}", 4, 3),  # 1 + 1 + 10 x 0.1 + 0.1
        ("{dear{name}}", 201, 2),
        ("{__schema{types{name}}}", 5000, 1),
        ('{__type(name:"Person"){name}}', 500, 1),
        ("{nodes{... on Person{friend{name}} ... on Robot{serial}}}", 12, 3),  # the dearer type counts
        ("mutation{count}", 1, 1),
        ("subscription{ticks}", 1, 1),
    ],
)
def test_weighs_an_operation(text: str, cost: int, depth: int) -> None:
    found = weight(text)
    assert (found.cost, found.depth) == (cost, depth)


def test_the_page_size_of_a_variable_counts_as_sent() -> None:
    text = "query($n: Int = 20){people(first:$n){nodes{name}}}"
    assert weight(text).cost == 23
    assert weight(text, n=100).cost == 111
    assert weight(text, n=None).cost == 56
    assert weight(text, n="many").cost == 551
    assert weight(text, n=-5).cost == 1


def test_a_literal_with_thousands_of_digits_is_not_converted() -> None:
    assert weight("{people(first:" + "9" * 6000 + "){nodes{name}}}").cost == 551


def test_only_the_named_operation_is_weighed() -> None:
    text = "query A{hello} query B{dear{name}}"
    assert weight(text, "A").cost == 1
    assert weight(text, "B").cost == 201


def test_a_fragment_weighs_the_same_everywhere_and_is_visited_once() -> None:
    text = "{person{...F friend{...F}}} fragment F on Person{name tags}"
    inline = "{person{name tags friend{name tags}}}"
    assert weight(text).cost == weight(inline).cost
    assert weight(text).visited == 6  # person, spread, friend, spread, name, tags


def doubling(levels: int) -> str:
    parts = [f"fragment F{n} on Person{{a:friend{{...F{n + 1}}} b:friend{{...F{n + 1}}}}}" for n in range(levels)]
    return "{person{...F0}} " + " ".join(parts) + f" fragment F{levels} on Person{{name}}"


def test_doubling_fragments_take_one_visit_for_each_node() -> None:
    small, large = weight(doubling(20)), weight(doubling(40))
    assert small.visited == 2 + 20 * 4 + 1
    assert large.visited == 2 + 40 * 4 + 1
    assert small.cost > 2**20
    assert large.depth == 42


def test_an_absurd_cost_is_stated_as_a_number_that_every_reader_holds() -> None:
    assert weight(doubling(70)).cost == SHOWN


def test_refusals_state_cost_limit_and_depth() -> None:
    limits = Limits(cost=100, depth=3)
    with pytest.raises(LimitExceeded) as dear:
        refuse_weight(Weight(cost=101, depth=2, visited=1), limits)
    assert dear.value.details == {"cost": 101, "limit": 100, "depth": 2}
    with pytest.raises(LimitExceeded) as deep:
        refuse_weight(Weight(cost=1, depth=4, visited=1), limits)
    assert deep.value.details == {"cost": 1, "limit": 100, "depth": 4, "depthLimit": 3}
    refuse_weight(Weight(cost=100, depth=3, visited=1), limits)


async def test_a_dear_operation_is_refused_and_never_runs() -> None:
    served = toy(Limits(cost=10))
    async with client(served) as http:
        fits = await http.post("/graphql", json={"query": "mutation{count}"})
        dear = await http.post(
            "/graphql", json={"query": "mutation{" + " ".join(f"m{n}:count" for n in range(101)) + "}"}
        )
    assert fits.json() == {"data": {"count": 1}, "extensions": {"cost": {"cost": 1, "limit": 10, "depth": 1}}}
    assert dear.json()["errors"][0]["extensions"] == {
        "code": "LIMIT_EXCEEDED",
        "details": {"cost": 11, "limit": 10, "depth": 1},
    }
    assert "data" not in dear.json()
    assert dear.json()["extensions"] == {"cost": {"cost": 11, "limit": 10, "depth": 1}}
    assert served.world.counts["mutations"] == 1


async def test_the_introspection_of_graphiql_fits_and_three_of_them_do_not() -> None:
    from graphql import get_introspection_query

    schema_twice = "{a:__schema{queryType{name}} b:__schema{queryType{name}} c:__schema{queryType{name}}}"
    async with client(toy()) as http:
        whole = await http.post(
            "/graphql", json={"query": get_introspection_query(descriptions=True, input_value_deprecation=True)}
        )
        thrice = await http.post("/graphql", json={"query": schema_twice})
    assert "errors" not in whole.json()
    assert whole.json()["extensions"]["cost"]["cost"] == 5000
    assert thrice.json()["errors"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("{people(first: 10){nodes{name}}}", True),
        ("query($name: String!){hello(name: $name)}", True),  # this variable has no say
        ("query($n: Int){people(first: $n){nodes{name}}}", False),
        ("query($n: Int = 3){people(first: $n){nodes{name}}}", False),
    ],
)
def test_a_weight_is_fixed_where_no_variable_has_a_say(text: str, fixed: bool) -> None:
    assert weight(text).fixed is fixed


async def test_a_page_size_in_a_variable_is_weighed_at_each_request() -> None:
    text = "query($n: Int){people(first: $n){nodes{name}}}"
    async with client(toy()) as http:
        answers = [await http.post("/graphql", json={"query": text, "variables": {"n": n}}) for n in (10, 1, 10)]
    assert [answer.json()["extensions"]["cost"]["cost"] for answer in answers] == [12, 3, 12]

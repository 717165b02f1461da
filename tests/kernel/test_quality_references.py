import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.kernel.errors import BadUserInput
from server.kernel.fields import Field, parse_type
from server.kernel.quality import QualityRule
from server.kernel.quality_checks import Refers
from server.kernel.quality_references import circle, common_type, referenced_field, references

OWN = (Field(name="owner", type="int"),)
USERS = (Field(name="id", type="int"), Field(name="name", type="string"))
RULE = QualityRule(column="owner", check="in dataset users.id")


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        ("int", "int", "int"),
        ("string", "string", "string"),
        ("date", "date", "date"),
        ("datetime", "datetime", "datetime"),
        ("boolean", "boolean", "boolean"),
        ("int", "float", "float"),
        ("decimal(10,2)", "float", "float"),
        ("int", "decimal(10,2)", "decimal(21,2)"),
        ("decimal(10,2)", "decimal(8,4)", "decimal(12,4)"),
        ("decimal", "decimal", "decimal"),
        ("int", "decimal", "decimal"),
        ("int", "decimal(38,30)", None),
        ("int", "string", None),
        ("date", "datetime", None),
        ("boolean", "int", None),
        ("json", "json", None),
    ],
)
def test_the_type_in_which_two_columns_compare(one: str, other: str, common: str | None) -> None:
    expected = None if common is None else parse_type(common)
    assert common_type(parse_type(one), parse_type(other)) == expected
    assert common_type(parse_type(other), parse_type(one)) == expected


def test_finds_the_rules_that_look_into_other_datasets() -> None:
    conditional = QualityRule(column="owner", check="in dataset people.id when owner > 0")
    rules = [QualityRule(column="owner", check="> 0"), RULE, conditional]
    assert references(rules) == [
        (RULE, Refers(dataset="users", column="id")),
        (conditional, Refers(dataset="people", column="id")),
    ]


def test_gives_the_column_that_is_meant() -> None:
    assert referenced_field(RULE, Refers(dataset="users", column="id"), OWN, USERS) == USERS[0]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (
            "idd",
            "check 'in dataset users.id': in dataset 'users' column 'idd' is not in the schema; did you mean 'id'?",
        ),
        ("name", "column 'owner' is int and users.name is string, which do not compare"),
    ],
)
def test_refuses_a_column_that_is_not_there_or_does_not_compare(column: str, message: str) -> None:
    with pytest.raises(BadUserInput) as refused:
        referenced_field(RULE, Refers(dataset="users", column=column), OWN, USERS)
    assert message in refused.value.message
    assert refused.value.field == "check"


def test_names_the_shortest_circle() -> None:
    ways = {"a": ["b", "c"], "b": ["d"], "c": ["a"], "d": ["a"]}
    assert circle("a", ways) == ["a", "c", "a"]
    assert circle("b", ways) == ["b", "d", "a", "b"]
    assert circle("e", ways) is None
    assert circle("e", {"e": ["e"]}) == ["e", "e"]


NODES = st.integers(0, 6).map(str)


@given(st.sets(st.tuples(NODES, NODES), max_size=15), NODES)
def test_finds_a_circle_where_there_is_one(edges: set[tuple[str, str]], start: str) -> None:
    found = circle(start, {node: [there for here, there in edges if here == node] for node, _ in edges})
    reached, steps = {there for here, there in edges if here == start}, 1
    while start not in reached and steps < len(edges):
        reached |= {there for here, there in edges if here in reached}
        steps += 1
    assert (found is not None) == (start in reached)
    if found is not None:
        assert found[0] == found[-1] == start
        assert len(found) - 1 == steps
        assert set(itertools.pairwise(found)) <= edges

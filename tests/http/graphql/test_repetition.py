"""Repeated fields are counted where they meet in the answer, before anything compares them."""

import pytest
from graphql import parse
from strawberry.schema import schema as strawberry_schema

from server.http.graphql import documents
from server.http.graphql.limits import Limits
from server.http.graphql.repetition import refuse_repetition
from server.kernel.errors import LimitExceeded
from tests.http.graphql.toy import client, toy


def count(text: str, **limits: int) -> int:
    return refuse_repetition(parse(text), Limits(**limits))


def test_fifty_of_one_name_pass_and_the_next_does_not() -> None:
    assert count("{" + "hello " * 50 + "}") == 50
    with pytest.raises(LimitExceeded, match="51 fields of the operation answer as 'hello' in one place, 50 are"):
        count("{" + "hello " * 51 + "}")


def test_aliases_give_fields_places_of_their_own() -> None:
    assert count("{" + " ".join(f"a{n}:hello" for n in range(300)) + "}") == 300


def test_fields_meet_through_parents_of_one_name() -> None:
    with pytest.raises(LimitExceeded, match="64 fields of the operation answer as 'name'"):
        count("{" + ("person{" + "name " * 8 + "}") * 8 + "}")


def test_fields_meet_through_fragments_of_either_kind() -> None:
    spreads = "".join(f"...F{n}" for n in range(26))
    fragments = " ".join(f"fragment F{n} on Query{{hello ...on Query{{hello}}}}" for n in range(26))
    with pytest.raises(LimitExceeded, match="52 fields"):
        count("{" + spreads + "}" + fragments)


def test_a_fragment_spread_twice_in_one_place_counts_once() -> None:
    assert count("{...F ...F} fragment F on Query{hello}") == 3


def test_fragments_that_nothing_spreads_are_counted_too() -> None:
    with pytest.raises(LimitExceeded, match="51 fields"):
        count("{hello} fragment F on Query{" + "hello " * 51 + "}")


@pytest.mark.parametrize(
    "text",
    [
        "{...F} fragment F on Query{person{...G}} fragment G on Person{friend{...G}}",
        "{...F} fragment F on Query{...G} fragment G on Query{...F hello}",
        "{hello} fragment F on Query{...F}",
        "{hello} fragment A on Query{...B} fragment B on Query{...A}",
    ],
)
def test_fragments_that_spread_themselves_end(text: str) -> None:
    assert count(text) < 20


def test_fragments_that_double_with_each_level_are_refused_after_a_bounded_count() -> None:
    levels = 40
    parts = [f"fragment F{n} on Person{{a:friend{{...F{n + 1}}} b:friend{{...F{n + 1}}}}}" for n in range(levels)]
    with pytest.raises(LimitExceeded, match="more than 10000 fields"):
        count("{person{...F0}} " + " ".join(parts) + f" fragment F{levels} on Person{{name}}")


async def test_overlapping_fields_are_refused_before_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    validated: list[str] = []

    def validate(schema: object, document: object, rules: object) -> list[object]:
        validated.append("once")
        return list(strawberry_schema.validate_document(schema, document, rules))  # type: ignore[arg-type]

    monkeypatch.setattr(documents, "validate_document", validate)
    async with client(toy()) as http:
        refused = await http.post("/graphql", json={"query": "{" + "person{id}" * 240 + "}"})
        assert validated == []
        fine = await http.post("/graphql", json={"query": "{hello}"})
    assert refused.json()["errors"][0]["extensions"] == {"code": "LIMIT_EXCEEDED"}
    assert fine.json()["data"] == {"hello": "hello world"}
    assert validated == ["once"]

"""A document is parsed and validated once; what is kept is bounded; each request gets errors of its own."""

from collections import Counter

import pytest
from graphql import get_introspection_query, parse

from server.http.graphql import documents
from server.http.graphql.documents import ENTRY_BYTES, TREE_BYTES, Checked, DocumentCache
from server.http.graphql.limits import Limits
from tests.http.graphql.toy import client, toy


@pytest.fixture
def validations(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    counts: Counter[str] = Counter()
    real = documents.validate_document

    def counted(schema: object, document: object, rules: object) -> list[object]:
        counts["validated"] += 1
        return list(real(schema, document, rules))  # type: ignore[arg-type]

    monkeypatch.setattr(documents, "validate_document", counted)
    return counts


def checked(text: str = "{hello}") -> Checked:
    return Checked(document=parse(text), errors=())


async def test_a_document_is_validated_once_whatever_its_variables(validations: Counter[str]) -> None:
    text = "query($name: String!){hello(name:$name)}"
    async with client(toy()) as http:
        answers = [
            (await http.post("/graphql", json={"query": text, "variables": {"name": name}})).json()["data"]["hello"]
            for name in ("ada", "grace", "ada")
        ]
    assert answers == ["hello ada", "hello grace", "hello ada"]
    assert validations == {"validated": 1}


async def test_introspection_is_kept_like_any_document(validations: Counter[str]) -> None:
    async with client(toy()) as http:
        first = await http.post("/graphql", json={"query": get_introspection_query()})
        second = await http.post("/graphql", json={"query": get_introspection_query()})
    assert first.json() == second.json()
    assert validations == {"validated": 1}


async def test_an_invalid_document_is_kept_and_answers_the_same_each_time(validations: Counter[str]) -> None:
    async with client(toy()) as http:
        answers = [(await http.post("/graphql", json={"query": "{nope}"})).json() for _ in range(3)]
    assert answers[0]["errors"][0]["extensions"] == {"code": "GRAPHQL_VALIDATION_FAILED"}
    assert answers[0] == answers[1] == answers[2]
    assert validations == {"validated": 1}


def test_keeps_no_texts_that_a_mutation_is_to_record() -> None:
    cache = DocumentCache(Limits())
    told = (
        'mutation { erase(subject: "ada") { id } }',
        'mutation { erase(subject: """ada""") { id } }',
        'query A { hello } mutation B { erase(subject: "ada") { id } }',
        'mutation { ...M } fragment M on Mutation { erase(subject: "ada") { id } }',
    )
    for text in told:
        cache.keep(text, checked(text))
        assert cache.get(text) is None, text
    assert (len(cache), cache.held_bytes) == (0, 0)
    for text in ("mutation ($s: String!) { erase(subject: $s) { id } }", 'query { hello(name: "ada") }'):
        cache.keep(text, checked(text))
        assert cache.get(text) is not None, text


async def test_two_schemas_do_not_share_their_documents() -> None:
    one, other = toy(Limits(cost=10)), toy(Limits(cost=20))
    text = {"query": "{hello}"}
    async with client(one) as first, client(other) as second:
        assert (await first.post("/graphql", json=text)).json()["extensions"]["cost"]["limit"] == 10
        assert (await second.post("/graphql", json=text)).json()["extensions"]["cost"]["limit"] == 20


async def test_a_document_with_more_tokens_than_allowed_is_refused() -> None:
    async with client(toy(Limits(tokens=20))) as http:
        fits = await http.post("/graphql", json={"query": "{" + "hello " * 18 + "}"})
        over = await http.post("/graphql", json={"query": "{" + "hello " * 19 + "}"})
        comments = await http.post("/graphql", json={"query": "#\n" * 30 + "{hello}"})
    assert fits.json()["data"] == {"hello": "hello world"}
    for refused in (over, comments):
        assert refused.json()["errors"][0]["extensions"] == {"code": "LIMIT_EXCEEDED"}


async def test_nesting_without_end_is_refused() -> None:
    async with client(toy()) as http:
        deep = await http.post("/graphql", json={"query": "{person" + "{friend" * 16 + "{name}" + "}" * 17})
        deeper = await http.post("/graphql", json={"query": "{person" + "{friend" * 500 + "{name}" + "}" * 501})
        lists = await http.post("/graphql", json={"query": "{hello(name:" + "[" * 900 + "]" * 900 + ")}"})
    assert deep.json()["errors"][0]["extensions"]["details"]["depthLimit"] == 15
    assert deep.json()["errors"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert deeper.json()["errors"][0]["extensions"]["code"] == "GRAPHQL_PARSE_FAILED"
    assert lists.json()["errors"][0]["extensions"]["code"] == "GRAPHQL_PARSE_FAILED"


async def test_one_of_several_operations_must_be_named() -> None:
    text = "mutation A{count} mutation B{count(by: 10)}"
    served = toy()
    async with client(served) as http:
        unnamed = await http.post("/graphql", json={"query": text})
        assert served.world.counts["mutations"] == 0
        named = await http.post("/graphql", json={"query": text, "operationName": "B"})
    assert unnamed.json()["errors"][0]["extensions"] == {"code": "GRAPHQL_VALIDATION_FAILED"}
    assert named.json()["data"] == {"count": 10}


def test_the_least_recently_used_document_is_dropped_first() -> None:
    cache = DocumentCache(Limits(cached_documents=2))
    for text in ("a", "b"):
        cache.keep(text, checked())
    assert cache.get("a") is not None
    cache.keep("c", checked())
    assert [cache.get(text) is not None for text in ("a", "b", "c")] == [True, False, True]
    assert len(cache) == 2


def test_what_is_kept_is_bounded_by_bytes() -> None:
    size = ENTRY_BYTES + 100 * TREE_BYTES
    cache = DocumentCache(Limits(cached_bytes=20 * size))
    for number in range(30):
        cache.keep(f"{number:0100}", checked())
    assert len(cache) == 20
    assert cache.held_bytes == 20 * size


def test_a_document_that_would_fill_the_cache_is_not_kept() -> None:
    cache = DocumentCache(Limits(cached_bytes=16 * (ENTRY_BYTES + 10 * TREE_BYTES)))
    cache.keep("x" * 10, checked())
    cache.keep("x" * 11, checked())
    assert (len(cache), cache.get("x" * 11)) == (1, None)


def test_a_document_kept_twice_is_counted_once() -> None:
    cache = DocumentCache(Limits())
    cache.keep("{hello}", checked())
    held = cache.held_bytes
    cache.keep("{hello}", checked())
    assert (len(cache), cache.held_bytes) == (1, held)

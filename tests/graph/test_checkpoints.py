"""Checkpoints in the graph: by position, for COMPLIANCE and ADMIN, verifiable as they are printed."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from server.kernel.caller import ANONYMOUS, Caller, Role
from tests.graph.conftest import Graph

PAGE = """query($first: Int, $after: String) { checkpoints(first: $first, after: $after) {
  nodes { position hash at signature publicKey } totalCount
  pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
CREATE = 'mutation($name: String!) { createDomain(input: {name: $name, owner: "o"}) { domain { id } } }'


async def signed(graph: Graph, count: int) -> None:
    for number in range(count):
        await graph.ask(CREATE, name=f"d{number}")
        await graph.parts.checkpoints.write()


async def page(graph: Graph, caller: Caller | None = None, **asked: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await graph.ask(PAGE, caller or graph.admin, **asked))["checkpoints"]
    return found


async def test_lists_them_page_by_page_in_order_of_position(graph: Graph) -> None:
    await signed(graph, 5)
    first = await page(graph, first=2)
    assert [node["position"] for node in first["nodes"]] == [1, 2]
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"], first["pageInfo"]["hasPreviousPage"]) == (
        5,
        True,
        False,
    )
    second = await page(graph, first=3, after=first["pageInfo"]["endCursor"])
    assert [node["position"] for node in second["nodes"]] == [3, 4, 5]
    assert (second["pageInfo"]["hasNextPage"], second["pageInfo"]["hasPreviousPage"]) == (False, True)


async def test_the_printed_fields_are_what_was_signed(graph: Graph) -> None:
    await signed(graph, 1)
    (node,) = (await page(graph))["nodes"]
    content = f"lakemesh-checkpoint-1\n{node['position']}\n{node['hash']}\n{node['at']}\n".encode()
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(node["publicKey"]))
    key.verify(base64.b64decode(node["signature"]), content)
    assert len(base64.b64decode(node["signature"])) == 64
    head = (await graph.ask("{ events(last: 1) { nodes { position hash } } }"))["events"]["nodes"][0]
    assert (node["position"], node["hash"]) == (head["position"], head["hash"])


async def test_is_empty_at_first(graph: Graph) -> None:
    assert await page(graph) == {
        "nodes": [],
        "totalCount": 0,
        "pageInfo": {"hasNextPage": False, "hasPreviousPage": False, "startCursor": None, "endCursor": None},
    }


@pytest.mark.parametrize(
    ("caller", "code"),
    [
        (ANONYMOUS, "UNAUTHENTICATED"),
        (Caller(name="p", roles=frozenset({Role.PRODUCER})), "FORBIDDEN"),
        (Caller(name="c", roles=frozenset({Role.CONSUMER})), "FORBIDDEN"),
    ],
)
async def test_is_closed_to_others(graph: Graph, caller: Caller, code: str) -> None:
    assert (await graph.refused(PAGE, caller))[0] == code


async def test_is_open_to_compliance(graph: Graph) -> None:
    await signed(graph, 1)
    officer = Caller(name="officer", roles=frozenset({Role.COMPLIANCE}))
    assert (await page(graph, officer))["totalCount"] == 1


async def test_refuses_pages_that_are_none(graph: Graph) -> None:
    assert (await graph.refused(PAGE, first=501))[0] == "LIMIT_EXCEEDED"
    assert (await graph.refused(PAGE, first=-1))[0] == "BAD_USER_INPUT"
    assert (await graph.refused(PAGE, after="x"))[0] == "BAD_USER_INPUT"


async def test_a_page_is_two_statements_whatever_its_length(graph: Graph) -> None:
    await signed(graph, 3)
    counts = []
    for first in (1, 3):
        graph.statements.clear()
        await page(graph, first=first)
        counts.append(len(graph.statements))
    assert counts[0] == counts[1]

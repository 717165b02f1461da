"""Two server processes on one database decide on lineage: no loop comes of their halves, and both show the same."""

import asyncio
from typing import Any

from tests.system.serving import ServerProcess

REGISTER = """mutation ($source: ID!, $target: ID!) {
  registerLineage(input: {source: $source, target: $target}) { edge { id } }
}"""
REMOVE = """mutation ($source: ID!, $target: ID!) {
  removeLineage(input: {source: $source, target: $target}) { events { type } }
}"""
FED = """query ($of: ID!) {
  lineage(of: $of, direction: DOWNSTREAM) { position nodes { asset { id } depth } edges { id } }
}"""
EVERYTHING = "{ lineageEdges(first: 500) { totalCount nodes { id confidence } } }"
ROUNDS = 15


def asset(name: object) -> str:
    return f"external:test/{name}"


async def register(server: ServerProcess, source: object, target: object) -> dict[str, Any]:
    return await server.answer(REGISTER, source=asset(source), target=asset(target))


async def fed(server: ServerProcess, of: object) -> set[tuple[str, int]]:
    """What an asset feeds, with depths, its own 0 aside."""
    found = (await server.ask(FED, of=asset(of)))["lineage"]
    return {(node["asset"]["id"], node["depth"]) for node in found["nodes"] if node["depth"]}


async def test_of_two_halves_of_a_loop_one_is_refused_and_both_servers_show_the_other(
    servers: tuple[ServerProcess, ServerProcess],
) -> None:
    for number in range(ROUNDS):
        ends = (f"a{number}", f"b{number}")
        answers = await asyncio.gather(register(servers[0], *ends), register(servers[1], *reversed(ends)))
        (loser,) = [index for index, answer in enumerate(answers) if "errors" in answer]
        (error,) = answers[loser]["errors"]
        source, target = ends if loser == 1 else ends[::-1]
        assert error["extensions"]["code"] == "PRECONDITION_FAILED"
        assert error["extensions"]["details"]["path"] == [asset(target), asset(source), asset(target)]
        for server in servers:
            assert await fed(server, source) == {(asset(target), 1)}
            assert await fed(server, target) == set()


async def test_of_a_ring_that_both_register_at_once_exactly_one_edge_is_missing(
    servers: tuple[ServerProcess, ServerProcess],
) -> None:
    size = 6
    for number in range(ROUNDS // 3):
        edges = [(f"r{number}-{place}", f"r{number}-{(place + 1) % size}") for place in range(size)]
        answers = await asyncio.gather(*(register(servers[place % 2], *edge) for place, edge in enumerate(edges)))
        refused = [place for place, answer in enumerate(answers) if "errors" in answer]
        assert [answers[place]["errors"][0]["extensions"]["code"] for place in refused] == ["PRECONDITION_FAILED"]
        head = (refused[0] + 1) % size
        chain = {(asset(f"r{number}-{(head + depth) % size}"), depth) for depth in range(1, size)}
        assert [await fed(server, f"r{number}-{head}") for server in servers] == [chain, chain]


async def test_what_one_server_has_answered_the_other_sees_at_once(
    servers: tuple[ServerProcess, ServerProcess],
) -> None:
    for number in range(ROUNDS):
        one, other = servers[number % 2], servers[1 - number % 2]
        assert "errors" not in await register(one, "hub", f"leaf{number}")
        assert await fed(other, "hub") == {(asset(f"leaf{leaf}"), 1) for leaf in range(number + 1)}
    for number in range(ROUNDS):
        one, other = servers[number % 2], servers[1 - number % 2]
        await one.ask(REMOVE, source=asset("hub"), target=asset(f"leaf{number}"))
        assert await fed(other, "hub") == {(asset(f"leaf{leaf}"), 1) for leaf in range(number + 1, ROUNDS)}


async def test_many_writers_on_both_servers_lose_no_edge(servers: tuple[ServerProcess, ServerProcess]) -> None:
    async def writes(server: ServerProcess, writer: int) -> None:
        for number in range(8):
            answer = await register(server, f"source{writer}", f"target{number}")
            assert "errors" not in answer, answer

    await asyncio.gather(*(writes(servers[writer % 2], writer) for writer in range(8)))
    for server in servers:
        found = (await server.ask(EVERYTHING))["lineageEdges"]
        assert found["totalCount"] == 64
        for writer in range(8):
            assert await fed(server, f"source{writer}") == {(asset(f"target{number}"), 1) for number in range(8)}


async def test_a_killed_server_has_the_same_graph_when_it_is_back(
    servers: tuple[ServerProcess, ServerProcess],
) -> None:
    left, right = servers
    for number in range(10):
        assert "errors" not in await register(servers[number % 2], f"s{number}", f"s{number + 1}")
    await left.ask(REMOVE, source=asset("s7"), target=asset("s8"))
    writing = asyncio.create_task(register(left, "s7", "late"))
    await left.kill()
    await asyncio.gather(writing, return_exceptions=True)
    assert "errors" not in await register(right, "s7", "s9")
    await left.start()
    assert await left.ask(EVERYTHING) == await right.ask(EVERYTHING)
    for number in range(10):
        assert await left.ask(FED, of=asset(f"s{number}")) == await right.ask(FED, of=asset(f"s{number}"))
    reached = {(asset(f"s{number}"), number) for number in range(1, 8)} | {(asset("s9"), 8), (asset("s10"), 9)}
    assert {(name, depth) for name, depth in await fed(left, "s0") if name != asset("late")} == reached

"""kill -9 of the embedded Postgres while edges are registered and followed: nothing is lost, nothing is made up."""

import asyncio
import os
import signal
from collections import Counter

from tests.system.serving import PATIENCE, ServerProcess

REGISTER = """mutation ($source: ID!, $target: ID!, $key: String) {
  registerLineage(input: {source: $source, target: $target, idempotencyKey: $key}) { edge { id } }
}"""
FED = "query ($of: ID!) { lineage(of: $of, direction: DOWNSTREAM) { totalAssets nodes { asset { id } depth } } }"
EDGES = "{ lineageEdges(first: 500) { totalCount nodes { source { id } target { id } } } }"
WRITERS, EACH = 4, 20
KILLS = (15, 45)  # acknowledged edges after which Postgres is killed


def asset(writer: int, number: int) -> str:
    return f"external:test/w{writer}-{number}" if number else "external:test/hub"


async def test_the_graph_is_that_of_the_log_however_often_postgres_dies(server: ServerProcess) -> None:
    moved = asyncio.Condition()
    refused: Counter[str] = Counter()
    acknowledged = 0

    async def write(writer: int) -> None:
        nonlocal acknowledged
        for number in range(EACH):
            given = {"source": asset(writer, number), "target": asset(writer, number + 1), "key": f"{writer}-{number}"}
            while "errors" in (answer := await server.answer(REGISTER, **given)):
                refused.update(error["extensions"]["code"] for error in answer["errors"])
            async with moved:
                acknowledged += 1
                moved.notify_all()

    async def read() -> None:
        while acknowledged < WRITERS * EACH:
            known = acknowledged
            answer = await server.answer(FED, of=asset(0, 0))
            if known and "errors" not in answer:
                assert answer["data"]["lineage"]["totalAssets"] >= known
            refused.update(error["extensions"]["code"] for error in answer.get("errors", ()))

    async def kill() -> None:
        for count in KILLS:
            async with moved:
                await moved.wait_for(lambda count=count: acknowledged >= count)
            os.kill(int((server.data_dir / "postgres/postmaster.pid").read_text().split("\n", 1)[0]), signal.SIGKILL)

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(kill(), read(), read(), *(write(writer) for writer in range(WRITERS)))

    assert set(refused) <= {"UNAVAILABLE", "NOT_FOUND"}  # the hub is unknown before the first edge
    assert " ERROR " not in server.log()
    chains = {(asset(w, n), asset(w, n + 1)) for w in range(WRITERS) for n in range(EACH)}
    depths = {asset(writer, number): number for writer in range(WRITERS) for number in range(1, EACH + 1)}
    for _ in range(2):
        edges = (await server.ask(EDGES))["lineageEdges"]
        assert {(edge["source"]["id"], edge["target"]["id"]) for edge in edges["nodes"]} == chains
        assert edges["totalCount"] == len(chains)
        found = (await server.ask(FED, of=asset(0, 0)))["lineage"]
        assert {node["asset"]["id"]: node["depth"] for node in found["nodes"] if node["depth"]} == depths
        await server.kill()
        await server.start()

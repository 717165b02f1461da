"""A lake under a storm of audited accesses: its decisions get through at the first try, and lose only to real ones."""

import asyncio
from collections.abc import Sequence

import pytest

from server.adapters.store.commands import Commands, Decision, decide
from server.kernel.errors import Conflict
from server.kernel.ids import Urn
from server.mesh.lake.stream import LAKES
from tests.graph.conftest import Graph
from tests.graph.shop import do
from tests.mesh.lake.examples import EU, USERS, ingest
from tests.mesh.lake.storm import own_intent, read


@pytest.fixture
async def commands(graph: Graph) -> Commands:
    """The commands of a mesh with a lake and two datasets in it."""
    await do(graph, "createDataLake", lakeId="eu", name="EU", owner="ann", region="eu")
    for name in ("users", "carts"):
        await do(graph, "registerDataset", name=name, schema={"a": "int"})
        await do(graph, "ingestDataset", lake="eu", dataset=name, dataSource="crm", recordCount=1)
    return graph.parts.commands


async def deciding(commands: Commands, count: int, between: Sequence[str]) -> list[int]:
    """New figures of a dataset, while after each look at the lake something comes. Answers the versions looked at."""
    looked: list[int] = []

    async def attempt() -> Decision:
        loaded = await commands.load(LAKES, EU)
        looked.append(loaded.version)
        decision = decide(LAKES, EU, loaded, ingest(record_count=count))
        for what in between:
            if what == "accesses":
                await read(commands, EU, USERS, 150)
            elif len(looked) == 1:
                await commands.execute(LAKES, EU, ingest(dataset=Urn("dataset:carts")), own_intent())
        return decision

    await commands.perform(own_intent(), attempt, tries=2)
    return looked


async def test_a_decision_passes_accesses_at_the_first_try(commands: Commands) -> None:
    assert await deciding(commands, 7, ["accesses"]) == [3]
    loaded = await commands.load(LAKES, EU)
    assert loaded.version == 154
    assert loaded.state is not None
    assert loaded.state.datasets[USERS].record_count == 7


async def test_a_decision_among_the_accesses_is_a_conflict(commands: Commands) -> None:
    assert await deciding(commands, 7, ["accesses", "decision"]) == [3, 154]


async def test_a_decision_that_meets_another_each_time_gives_up(commands: Commands) -> None:
    async def attempt() -> Decision:
        loaded = await commands.load(LAKES, EU)
        decision = decide(LAKES, EU, loaded, ingest())
        await commands.execute(LAKES, EU, ingest(dataset=Urn("dataset:carts")), own_intent())
        return decision

    with pytest.raises(Conflict, match="lake:eu changed 2 times"):
        await commands.perform(own_intent(), attempt, tries=2)


async def test_decisions_and_accesses_that_come_together_are_all_recorded(graph: Graph, commands: Commands) -> None:
    storm = [read(commands, EU, USERS, 20) for _ in range(20)]
    named = [do(graph, "registerDataset", name=f"more{n}", schema={"a": "int"}) for n in range(4)]
    await asyncio.gather(*storm, *named, deciding(commands, 8, []))
    loaded = await commands.load(LAKES, EU)
    assert loaded.version == 3 + 400 + 1
    assert loaded.state is not None
    assert loaded.state.datasets[USERS].record_count == 8

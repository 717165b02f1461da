"""Two server processes at the same moment: whatever comes first, a lake's rules hold afterwards."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeAlias

import pytest

from server.adapters.store.commands import Decision, decide
from server.assembly.assembled import assemble
from server.database import Database, open_database
from server.kernel.errors import PreconditionFailed
from server.kernel.ids import Urn
from server.mesh.batch.commands import PublishData
from server.mesh.batch.domain import existing
from server.mesh.batch.facts_now import FactsNow
from server.mesh.batch.stream import BATCHES
from server.mesh.dataset.belonging import Belonging
from server.mesh.lake.bare_batches import BareBatches
from server.mesh.lake.commands import BareBatch
from server.mesh.lake.membership import Membership, Memberships
from server.settings import Settings
from tests.graph.batches import append
from tests.graph.conftest import Graph
from tests.graph.shop import do, refused
from tests.mesh.lake.storm import own_intent

Two: TypeAlias = tuple[Graph, Graph]
KEY = {"name": "user_id", "type": "string", "subjectKey": True}
EMAIL = {"name": "email", "type": "string", "pii": True}
FIGURES = {"dataset": "d0", "dataSource": "crm", "recordCount": 1, "containsPii": True}
UNKEYED = {"dataset": "d0", "fields": [EMAIL, {"name": "user_id", "type": "string"}], "compatibility": "NONE"}
B0 = Urn("batch:b0-0")


@pytest.fixture
async def databases(database_url: str, tmp_path: Path) -> AsyncIterator[tuple[Database, Database]]:
    """One database, twice open."""
    settings = Settings(data_dir=tmp_path, database_url=database_url)
    async with open_database(settings) as first, open_database(settings) as second:
        yield first, second


@pytest.fixture
async def two(databases: tuple[Database, Database], database_url: str, tmp_path: Path) -> AsyncIterator[Two]:
    """Two meshes on it, with a GDPR and a STRICT lake, and a dataset that either would take."""
    settings = Settings(data_dir=tmp_path, database_url=database_url)
    async with AsyncExitStack() as stack:
        parts = [await stack.enter_async_context(assemble(settings, database)) for database in databases]
        first, second = Graph(parts[0]), Graph(parts[1])
        for level in ("GDPR", "STRICT"):
            said = {"lakeId": level.lower(), "name": level, "owner": "ann", "region": "eu", "complianceLevel": level}
            await do(first, "createDataLake", **said)
        await do(first, "registerDataset", name="d0", fields=[KEY, EMAIL], encryptionEnabled=True)
        yield first, second


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Awaitable[object]]], list[Membership]]:
    """Does something right after the first look at where a dataset is. Answers the looks."""

    def once(something: Callable[[], Awaitable[object]]) -> list[Membership]:
        looks: list[Membership] = []
        look = Memberships.of

        async def looked(self: Memberships, dataset: str) -> Membership:
            found = await look(self, dataset)
            looks.append(found)
            if len(looks) == 1:
                await something()
            return found

        monkeypatch.setattr(Memberships, "of", looked)
        return looks

    return once


Meanwhile: TypeAlias = Callable[[Callable[[], Awaitable[object]]], list[Membership]]


async def test_a_schema_that_loses_the_key_does_not_pass_a_lake_that_comes_meanwhile(
    two: Two, meanwhile: Meanwhile
) -> None:
    first, second = two
    looks = meanwhile(lambda: do(second, "ingestDataset", lake="gdpr", **FIGURES))
    code, message = await refused_after(first, "evolveSchema", 1, **UNKEYED)
    assert (code, "'user_id' is the subjectKey" in message) == ("PRECONDITION_FAILED", True)
    assert [look.rules is None for look in looks] == [True, True, False]


async def test_a_lake_does_not_take_a_dataset_whose_schema_loses_the_key_meanwhile(
    two: Two, meanwhile: Meanwhile
) -> None:
    first, second = two
    looks = meanwhile(lambda: do(second, "evolveSchema", **UNKEYED))
    code, message = await refused_after(first, "ingestDataset", 1, lake="gdpr", **FIGURES)
    assert (code, "as subjectKey with evolveSchema" in message) == ("PRECONDITION_FAILED", True)
    assert [look.rules is None for look in looks] == [True, True, True]


async def test_a_dataset_that_two_lakes_take_at_once_is_in_one(two: Two, meanwhile: Meanwhile) -> None:
    first, second = two
    meanwhile(lambda: do(second, "ingestDataset", lake="strict", **FIGURES))
    code, message = await refused_after(first, "ingestDataset", 1, lake="gdpr", **FIGURES)
    assert (code, "'d0' is in lake 'strict'" in message) == ("PRECONDITION_FAILED", True)


async def refused_after(graph: Graph, mutation: str, events: int, **given: object) -> tuple[str, str]:
    """Why a mutation records nothing, while exactly so many events come from elsewhere."""
    head = await graph.parts.mesh.events.head()
    kind = f"{mutation[0].upper()}{mutation[1:]}Input"
    document = f"mutation($input: {kind}!) {{ {mutation}(input: $input) {{ events {{ type }} }} }}"
    answer = await graph.refused(document, input=given)
    assert await graph.parts.mesh.events.head() == head + events
    return answer


async def keeping_batch(graph: Graph) -> None:
    """A batch whose contract lets its e-mail addresses through."""
    keep = [{"column": "email", "strategy": "KEEP"}]
    await do(graph, "createContract", contractId="c0", dataset="d0", privacyRules=keep)
    await append(graph, 0, 0)


async def publish(graph: Graph, database: Database) -> None:
    """What a run decides once the file of gold stands. Raises: PreconditionFailed."""
    mesh, commands = graph.parts.mesh, graph.parts.commands
    facts = FactsNow(mesh.datasets, mesh.contracts, Memberships(database.pool))

    async def attempt() -> Decision:
        loaded = await commands.load(BATCHES, B0)
        gate, guards = await facts.gate(existing(B0, loaded.state))
        decision = decide(BATCHES, B0, loaded, PublishData(batch=B0, gate=gate, attempt=2, bronze=1, silver=None))
        return Decision(checks=(*decision.checks, *guards), events=decision.events)

    await commands.perform(own_intent(), attempt)


async def test_a_batch_is_not_published_as_it_was_into_a_strict_lake_that_comes_meanwhile(
    two: Two, databases: tuple[Database, Database], meanwhile: Meanwhile
) -> None:
    first, second = two
    await keeping_batch(first)
    looks = meanwhile(lambda: do(second, "ingestDataset", lake="strict", **FIGURES))
    with pytest.raises(PreconditionFailed, match="lake 'strict' is STRICT and no KEEP"):
        await publish(first, databases[0])
    assert len(looks) == 3
    assert (await first.parts.mesh.batches.known("b0-0")).gold is None


async def test_a_strict_lake_does_not_take_a_dataset_of_which_a_batch_is_published_meanwhile(
    two: Two, databases: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = two
    await keeping_batch(first)
    found: list[BareBatch | None] = []
    look = BareBatches.first

    async def looked(self: BareBatches, dataset: object) -> BareBatch | None:
        found.append(await look(self, dataset))  # type: ignore[arg-type]  # a row, as it came
        if len(found) == 1:
            await publish(second, databases[1])
        return found[-1]

    monkeypatch.setattr(BareBatches, "first", looked)
    code, message = await refused_after(first, "ingestDataset", 1, lake="strict", **FIGURES)
    assert (code, "batch 'b0-0' of dataset 'd0'" in message) == ("PRECONDITION_FAILED", True)
    assert found == [None, BareBatch(batch=B0, columns=("email",))]


async def test_a_contract_that_keeps_a_column_publishes_nothing_from_a_strict_lake_whichever_came_first(
    two: Two, databases: tuple[Database, Database]
) -> None:
    first, second = two
    await do(first, "createContract", contractId="c0", dataset="d0")
    await append(first, 0, 0)
    keep = [{"column": "email", "strategy": "KEEP"}]
    await asyncio.gather(
        do(first, "updateContract", contract="c0", privacyRules=keep),
        do(second, "ingestDataset", lake="strict", **FIGURES),
    )
    for graph, database in zip(two, databases, strict=True):
        with pytest.raises(PreconditionFailed, match="lake 'strict' is STRICT and no KEEP"):
            await publish(graph, database)
        assert (await refused(graph, "publishData", batchId="b0-0"))[0] == "PRECONDITION_FAILED"


async def test_a_process_believes_for_a_moment_only_that_a_dataset_is_in_no_lake(
    two: Two, databases: tuple[Database, Database]
) -> None:
    now = [0.0]
    dataset = Urn("dataset:d0")
    elsewhere = Belonging(databases[1].pool, lambda: now[0])
    assert await elsewhere.owners([dataset]) == {dataset: ()}
    await do(two[0], "ingestDataset", lake="gdpr", **FIGURES)
    assert await elsewhere.owners([dataset]) == {dataset: ()}
    now[0] = 0.5
    assert await elsewhere.owners([dataset]) == {dataset: ("lake:gdpr",)}


async def test_a_process_that_is_told_of_a_move_looks_at_once(two: Two, databases: tuple[Database, Database]) -> None:
    dataset = Urn("dataset:d0")
    told = Belonging(databases[0].pool, lambda: 0.0)
    assert await told.owners([dataset]) == {dataset: ()}
    await do(two[0], "ingestDataset", lake="gdpr", **FIGURES)
    told.forget(dataset)
    assert await told.owners([dataset]) == {dataset: ("lake:gdpr",)}

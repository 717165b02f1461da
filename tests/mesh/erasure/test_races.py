"""Erasures beside other work on the same batches: nothing of the subject is left, no row too many goes."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from server.adapters.store.rebuild import rebuild
from server.kernel.ids import Urn
from server.kernel.layer import Layer
from server.mesh.rows.compact_files import Thresholds
from server.mesh.slices import CODEC, PROJECTIONS, TABLES
from tests.graph.conftest import ADMIN
from tests.mesh.at_work import AtWork, at_work
from tests.mesh.erasure.subject_world import CLEAN, CSV, holding, lake_with, processed, requested

SMALL = Thresholds(enough=2, rows=1000, size_bytes=1 << 20, generation_files=8)
PEOPLE = Urn("dataset:people")


@pytest.fixture
async def mesh(database_url: str, tmp_path: Path) -> AsyncIterator[AtWork]:
    async with at_work(database_url, tmp_path) as mesh:
        mesh.purpose = "test"
        yield mesh


async def tried(mesh: AtWork, mutation: str, **given: Any) -> str:
    """The code of a refusal, or nothing."""
    kind = f"{mutation[0].upper()}{mutation[1:]}Input"
    document = f"mutation($input: {kind}!) {{ {mutation}(input: $input) {{ __typename }} }}"
    context = mesh.context(ADMIN)
    result = await mesh.schema.execute(document, variable_values={"input": given}, context_value=context)
    return "" if result.errors is None else str((result.errors[0].extensions or {})["code"])


async def names(mesh: AtWork) -> list[str]:
    """The people in bronze, batch by batch."""
    return [row["person"] for row in await rows(mesh)]


async def rows(mesh: AtWork) -> list[dict[str, Any]]:
    """The rows of bronze."""
    found = await mesh.ask('{ dataset(name: "people") { records(layer: BRONZE, first: 100) { nodes } } }')
    shown = [orjson.loads(orjson.dumps(node)) for node in found["dataset"]["records"]["nodes"]]
    return [{name: value for name, value in row.items() if name != "_created_at"} for row in shown]


async def tables(database_url: str) -> list[list[tuple[object, ...]]]:
    connection = await asyncpg.connect(database_url)
    try:
        wanted = [f'select * from "{table.__tablename__}" order by id, valid_from' for table in TABLES]
        return [[tuple(row.values()) for row in await connection.fetch(query)] for query in wanted]
    finally:
        await connection.close()


async def rebuilt(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await rebuild(connection, CODEC, PROJECTIONS, TABLES)
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "others",
    [
        [("requestReplay", {"dataset": "people", "reason": "anew"})],
        [("anonymizeData", {"batchId": "b1"}), ("anonymizeData", {"batchId": "b2"})],
        [("publishData", {"batchId": "b3"})],
        [("runQualityCheck", {"batchId": "b1", "rules": [{"column": "amount", "check": "> 100"}]})],
        [("quarantineBatch", {"batchId": "b1", "reason": "odd"})],
    ],
    ids=["replay", "anonymise", "publish", "check", "quarantine"],
)
async def test_leaves_nothing_beside_other_work(
    mesh: AtWork, database_url: str, others: list[tuple[str, dict[str, Any]]]
) -> None:
    await lake_with(mesh, ("b1", CSV), ("b2", CSV), ("b3", CSV), ("b4", CLEAN))
    await mesh.do("anonymizeData", batchId="b3")
    deletion = await requested(mesh)
    work = [asyncio.create_task(tried(mesh, name, **given)) for name, given in others for _ in range(2)]
    compacting = asyncio.create_task(mesh.compaction(SMALL).compact(PEOPLE, Layer.BRONZE))
    done = await processed(mesh, deletion)
    codes = await asyncio.gather(*work)
    await compacting
    assert set(codes) <= {"", "PRECONDITION_FAILED"}, codes
    assert done["deletion"]["status"] == "COMPLETED"
    assert {(one["batch"]["batchId"], one["layer"], one["rows"]) for one in done["deletion"]["erased"]} >= {
        ("b1", "BRONZE", 2),
        ("b2", "BRONZE", 2),
        ("b3", "BRONZE", 2),
        ("b3", "SILVER", 1),
    }
    assert holding(mesh.parts.storage.root) == []
    if others[0][0] != "quarantineBatch":
        assert sorted(await names(mesh)) == ["ann"] * 4 + ["bob"] * 4
    assert (await mesh.parts.mesh.verify(1)).intact
    before = await tables(database_url)
    await rebuilt(database_url)
    assert await tables(database_url) == before


async def test_a_replay_afterwards_gives_the_same_rows_under_the_same_ids(mesh: AtWork) -> None:
    await lake_with(mesh, ("b1", CSV), ("b2", CLEAN))
    await processed(mesh, await requested(mesh))
    before = await rows(mesh)
    await mesh.do("requestReplay", dataset="people", reason="anew")
    assert await rows(mesh) == before
    assert [row["_id"] for row in before] == [
        "b1-000000000000",
        "b1-000000000002",
        "b2-000000000000",
        "b2-000000000001",
    ]
    assert holding(mesh.parts.storage.root) == []


async def test_batches_that_come_meanwhile_are_erased_or_told_of(mesh: AtWork) -> None:
    await lake_with(mesh, ("b1", CSV))
    deletion = await requested(mesh)
    coming = [asyncio.create_task(mesh.append("people", f"late{number}", CSV)) for number in range(4)]
    done = await processed(mesh, deletion)
    await asyncio.gather(*coming)
    await mesh.parts.reappearances.look()
    erased = {one["batch"]["batchId"] for one in done["deletion"]["erased"]}
    events = await mesh.ask('{ events(filter: {types: ["SubjectReappeared"]}, first: 100) { nodes { data } } }')
    told = [node["data"]["batch"].removeprefix("batch:") for node in events["events"]["nodes"]]
    held = {key.split("/")[2] for key in holding(mesh.parts.storage.root) if key.startswith("people/")}
    assert len(told) == len(set(told))
    assert held <= set(told)
    assert erased | set(told) >= {"b1", "late0", "late1", "late2", "late3"}
    assert held.isdisjoint(erased)


async def test_two_erasures_of_one_batch_at_once_both_end(mesh: AtWork) -> None:
    await lake_with(mesh, ("b1", CSV), ("b2", CSV))
    first, second = await requested(mesh), await requested(mesh, "bob")
    done = await asyncio.gather(processed(mesh, first), processed(mesh, second))
    assert [one["deletion"]["status"] for one in done] == ["COMPLETED", "COMPLETED"]
    assert await names(mesh) == ["ann", "ann"]
    assert holding(mesh.parts.storage.root) == holding(mesh.parts.storage.root, "bob") == []


async def test_asked_twice_it_is_one_run_and_afterwards_it_is_refused(mesh: AtWork) -> None:
    await lake_with(mesh, ("b1", CSV))
    deletion = await requested(mesh)
    document = "mutation($d: ID!) { processGdprDeletion(input: {deletion: $d, waitSeconds: 60}) { run { id } } }"
    asked = [mesh.ask(document, d=deletion) for _ in range(3)]
    runs = {one["processGdprDeletion"]["run"]["id"] for one in await asyncio.gather(*asked)}
    assert len(runs) == 1
    code, _ = await mesh.refused(document, d=deletion)
    assert code == "PRECONDITION_FAILED"

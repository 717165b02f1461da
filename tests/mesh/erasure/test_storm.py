"""Two erasures in a storm of other work: of each row that came, the subject's is gone or told of, the others stay."""

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from server.adapters.storage import layout
from server.kernel.ids import Urn
from server.kernel.layer import Layer
from tests.mesh.at_work import AtWork, at_work
from tests.mesh.erasure.subject_world import FIELDS, SUBJECT, holding, lake_with, processed, requested
from tests.mesh.erasure.test_races import SMALL, rebuilt, tables, tried

OTHER = "bob-55021"
FILLERS = 30
OPEN = {"", "PRECONDITION_FAILED", "CONFLICT", "UNAVAILABLE", "NOT_FOUND", "BAD_USER_INPUT"}


@pytest.fixture
async def mesh(database_url: str, tmp_path: Path) -> AsyncIterator[AtWork]:
    async with at_work(database_url, tmp_path) as mesh:
        mesh.purpose = "test"
        yield mesh


def text(batch: str) -> str:
    """Both subjects among others."""
    fillers = "".join(f"{batch}-p{number},n,{number}.00\n" for number in range(FILLERS))
    return f"person,note,amount\n{SUBJECT},y,2.00\n{fillers}{OTHER},near {SUBJECT},3.00\n{SUBJECT},z,bad\n"


async def sent(mesh: AtWork, batch: str) -> str:
    """The code of an append: an erasure removes uploads that nobody has asked to append yet."""
    storage = mesh.parts.storage
    key, staged = layout.landing(uuid.uuid4(), "rows.csv"), storage.staging()
    staged.write_text(text(batch))
    storage.commit(staged, key)
    return await tried(mesh, "appendData", dataset="people", contractId="people-c", batchId=batch, fileUrl=key)


def moves(mesh: AtWork, chance: random.Random, late: list[str]) -> Awaitable[object]:
    """Something that somebody else does."""
    batch = chance.choice(["b1", "b2", "b3", *late])
    match chance.randrange(11):
        case 0 | 1:
            late.append(name := f"late{len(late)}")
            return sent(mesh, name)
        case 2:
            late.append(name := f"late{len(late)}")
            people = [SUBJECT, OTHER, *(f"{name}-p{number}" for number in range(FILLERS))]
            records = [{"person": person, "note": "n", "amount": 1} for person in people]
            return tried(mesh, "createRecords", dataset="people", contractId="people-c", batchId=name, records=records)
        case 3:
            return tried(mesh, "requestReplay", dataset="people", reason="anew")
        case 4:
            return tried(mesh, "anonymizeData", batchId=batch)
        case 5:
            return tried(mesh, "publishData", batchId=batch)
        case 6:
            rules = [{"column": "amount", "check": "> 100"}]
            return tried(mesh, "runQualityCheck", batchId=batch, rules=rules)
        case 7:
            return tried(mesh, "grantConsumption", batchId=batch, consumer="bi", purpose="figures")
        case 8:
            fields = [*FIELDS, {"name": f"more{chance.randrange(9)}", "type": "string"}]
            return tried(mesh, "evolveSchema", dataset="people", fields=fields, compatibility="NONE")
        case 9:
            return mesh.compaction(SMALL).compact(Urn("dataset:people"), chance.choice([Layer.BRONZE, Layer.GOLD]))
        case _:
            return mesh.parts.reappearances.look()


@pytest.mark.parametrize("seed", [1, 2])
async def test_each_row_of_a_subject_is_gone_or_told_of(mesh: AtWork, database_url: str, seed: int) -> None:
    chance, late = random.Random(seed), list[str]()
    await lake_with(mesh, *((name, text(name)) for name in ("b1", "b2", "b3")))
    requests = {SUBJECT: await requested(mesh), OTHER: await requested(mesh, OTHER)}
    erasing = [asyncio.create_task(processed(mesh, deletion)) for deletion in requests.values()]
    others: list[asyncio.Future[object]] = []
    while not all(one.done() for one in erasing) and len(others) < 40:
        others.append(asyncio.ensure_future(moves(mesh, chance, late)))
        await asyncio.wait([others[-1]], timeout=chance.random() * 0.4)
    done = await asyncio.gather(*erasing)
    codes = {code for code in await asyncio.gather(*others) if isinstance(code, str)}
    assert codes <= OPEN
    assert [one["deletion"]["status"] for one in done] == ["COMPLETED", "COMPLETED"]
    await mesh.append("people", "behind", text("behind"))
    await mesh.parts.reappearances.look()
    await everything_is_accounted_for(mesh, requests)
    before = await tables(database_url)
    await rebuilt(database_url)
    assert await tables(database_url) == before


def of_batches(file: Path, subject: str) -> set[str]:
    """The batches whose rows of the subject a file holds; a copy that reading made has those of several."""
    if file.parts[-3] == "landing":
        return set()
    if file.suffix == ".parquet" and "_batch_id" in (table := pq.read_table(file)).column_names:
        return {row["_batch_id"] for row in table.to_pylist() if subject in repr(row)}
    return {file.parent.name}


async def everything_is_accounted_for(mesh: AtWork, requests: dict[str, str]) -> None:
    """Who is still held was told of, once; nobody else lost a row; the log is whole."""
    found = await mesh.ask('{ events(filter: {types: ["SubjectReappeared"]}, first: 200) { nodes { data } } }')
    told = Counter((node["data"]["deletion"], node["data"]["batch"]) for node in found["events"]["nodes"])
    assert set(told.values()) == {1}
    root = mesh.parts.storage.root
    for subject, deletion in requests.items():
        held = {batch for key in holding(root, subject) for batch in of_batches(root / key, subject)}
        assert "behind" in held
        assert held <= {batch.removeprefix("batch:") for of, batch in told if of == deletion}
    for row in await mesh.parts.mesh.batches.of_dataset("dataset:people"):
        assert row.bronze is not None
        path = mesh.parts.storage.read_path(layout.bronze("people", row.batch_id, row.bronze))
        people = [str(person) for person in pq.read_table(path)["person"].to_pylist()]
        fillers = [f"{row.batch_id}-p{number}" for number in range(FILLERS)]
        assert sorted(one for one in people if one not in requests) == sorted(fillers)
        assert len(people) == row.row_count
    assert (await mesh.parts.mesh.verify(1)).intact

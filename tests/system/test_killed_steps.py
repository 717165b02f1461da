"""kill -9 of a worker before each step of each process: another one ends the run as if nothing had been."""

import asyncio
import base64
import json
import os
import re
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from server.adapters.runs import RunFilter, RunStatus
from server.adapters.storage import layout
from server.adapters.store.log import EventQuery, Log
from server.assembly.assembled import Assembly
from server.database import Database
from server.jobs import Jobs
from server.kernel.ids import Urn
from server.kernel.layer import Layer
from server.mesh.rows.compact_files import CompactFiles
from server.mesh.rows.sources import Sources
from server.settings import Settings
from tests.graph.conftest import Graph
from tests.mesh.publishing.conftest import read_table
from tests.system.dying import Nursery, opened, working

Json = dict[str, Any]
FIELDS = [
    {"name": "id", "type": "int"},
    {"name": "email", "type": "string", "pii": True, "subjectKey": True},
    {"name": "born", "type": "date", "pii": True},
]
CSV = "id,email,born\n1,ada@x.org,1815-12-10\n2,bo@x.org,1912-06-23\nthree,cy@x.org,1906-12-09\n4,,\n"
NDJSON = '{"id": 1, "email": "ada@x.org", "born": "1815-12-10"}\n{"id": "x"}\n{"id": 3}\n'
TERMS: Json = {
    "qualityRules": [{"column": "id", "check": "> 1", "severity": "WARNING"}],
    "privacyRules": [{"column": "email", "strategy": "MASK"}, {"column": "born", "strategy": "KEEP"}],
    "onBadRows": "SET_ASIDE",
    "retentionDays": 1,
}
SUBJECT = "ada@x.org"
LATER = timedelta(days=30)


@dataclass
class World:
    """Datasets of one batch each (two, where they are to be merged), told in this process."""

    database: Database
    parts: Assembly

    def __post_init__(self) -> None:
        self.graph = Graph(self.parts)
        self.jobs = Jobs(self.database.pool, self.parts)
        mesh = self.parts.mesh
        self.sources = Sources(mesh.batches, mesh.datasets, self.parts.storage, CompactFiles(self.database.pool))

    async def do(self, name: str, /, **given: Any) -> None:
        kind = f"{name[0].upper()}{name[1:]}Input"
        await self.graph.ask(f"mutation ($input: {kind}!) {{ {name}(input: $input) {{ __typename }} }}", input=given)

    async def append(self, name: str, batch: str, text: str = CSV, wait: float = 30) -> None:
        key = layout.landing(uuid.uuid4(), "rows.txt")
        staged = self.parts.storage.staging()
        staged.write_text(text)
        self.parts.storage.commit(staged, key)
        await self.do("appendData", dataset=name, contractId=f"{name}-c", batchId=batch, fileUrl=key, waitSeconds=wait)

    async def prepare(self, task: str, name: str) -> None:
        """Everything up to the process that is to be killed."""
        await self.do("registerDataset", name=name, fields=FIELDS)
        await self.do("createContract", contractId=f"{name}-c", dataset=name, **TERMS)
        before = ["append", "check", "anonymize", "publish"]
        steps = {"append": 0, "ndjson": 0, "check": 1, "anonymize": 2, "publish": 3}.get(task, 4)
        for step in before[:steps]:
            await self.begin(step, name, wait=30)
        if task == "compact":
            await self.append(name, f"{name}-b2")
        if task == "erase":
            await self.do("createDataLake", lakeId=name, name=name, owner="o", region="eu", complianceLevel="GDPR")
            ingest = {"lake": name, "dataset": name, "dataSource": "f", "recordCount": 4, "containsPii": True}
            await self.do("ingestDataset", **ingest)
            asked = {"lake": name, "subjectId": SUBJECT, "reason": "a letter", "requestedBy": "desk"}
            await self.do("requestGdprDeletion", **asked)

    async def begin(self, task: str, name: str, wait: float = 0) -> None:
        """Ask for a process."""
        batch = f"{name}-b"
        match task:
            case "append":
                await self.append(name, batch, wait=wait)
            case "ndjson":
                await self.append(name, batch, NDJSON, wait)
            case "check":
                await self.do("runQualityCheck", batchId=batch, waitSeconds=wait)
            case "anonymize":
                await self.do("anonymizeData", batchId=batch, waitSeconds=wait)
            case "publish":
                await self.do("publishData", batchId=batch, waitSeconds=wait)
            case "replay":
                await self.do("requestReplay", dataset=name, reason="anew", waitSeconds=wait)
            case "erase":
                (asked,) = await self.requests(name)
                await self.do("processGdprDeletion", deletion=asked["id"], waitSeconds=wait)

    async def requests(self, name: str) -> list[Json]:
        """The erasure requests of the lake that is named as the dataset."""
        query = "query ($id: ID!) { node(id: $id) { ... on DataLake { deletions { nodes { id status subjectId unreached"
        query += " erased { batch { rowCount rejectedRowCount } layer rows } } } } } }"
        found = (await self.graph.ask(query, id=f"lake:{name}"))["node"]
        return [] if found is None else list(found["deletions"]["nodes"])

    async def begin_jobs(self, task: str) -> None:
        """Ask for the runs that are nobody's wish."""
        if task in ("expire", "compact"):
            await self.jobs.do(task, datetime.now(UTC) + LATER if task == "expire" else None)

    async def seen(self, name: str) -> Json:
        """What the mesh shows of a dataset, names and numbers of attempts aside."""
        sources = {layer: await self.sources.of(f"dataset:{name}", layer) for layer in Layer}
        batches = await self.parts.mesh.batches.of_dataset(f"dataset:{name}")
        events = await Log(self.database.pool).page(EventQuery(about=(f"dataset:{name}",)), 100)
        replay = (await self.parts.mesh.datasets.known(name)).replay
        return {
            "batches": sorted((row.status, row.row_count, row.rejected_row_count) for row in batches),
            "events": Counter(event.type for event in events),
            "erasures": [{**one, "id": None} for one in await self.requests(name)],
            "replaying": replay is not None,
            "rows": {
                layer.value: sorted(row for source in found for row in rows(source.path))
                for layer, found in sources.items()
            },
        }

    def files(self, name: str) -> Counter[str]:
        """The kinds of files that stand for a dataset; the Delta log looks after itself."""
        keys = [stored.key for stored in self.parts.storage.list(f"{name}/")]
        return Counter(re.sub(r"\d+(?=\.)", "#", key.replace(name, "@")) for key in keys)


def rows(path: Path) -> list[tuple[str, ...]]:
    """The rows of a file, by their place in the upload."""
    table = parquet.read_table(path)
    places = [str(id).rpartition("-")[2] for id in table["_id"].to_pylist()]
    bare = table.drop_columns(["_id", "_batch_id", "_created_at"]).to_pylist()
    return [(place, *map(repr, row.items())) for place, row in zip(places, bare, strict=True)]


RUNS = ("append", "ndjson", "check", "anonymize", "publish", "replay", "expire", "compact", "erase")


@pytest.fixture
async def nursery(settings: Settings) -> AsyncIterator[Nursery]:
    async with Nursery(settings) as nursery:
        yield nursery


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, database_url=database_url)


@pytest.mark.parametrize("task", RUNS)
async def test_a_run_ends_once_and_alike_whatever_step_its_worker_dies_at(
    settings: Settings, nursery: Nursery, task: str
) -> None:
    twin = f"{task}-0"
    async with working(settings, heartbeat=30) as (database, parts):
        world = World(database, parts)
        await world.prepare(task, twin)
        before, files_before = await world.seen(twin), world.files(twin)
    async with opened(settings) as (database, parts):
        world = World(database, parts)
        await world.begin(task, twin)
        await world.begin_jobs(task)
        steps = await nursery.steps(task)
        after, files_after = await world.seen(twin), world.files(twin)
    assert steps > 2
    assert (after, files_after) != (before, files_before)
    victims = [f"{task}-{step}" for step in range(1, steps + 1)]
    async with working(settings, heartbeat=30) as (database, parts):
        world = World(database, parts)
        await asyncio.gather(*(world.prepare(task, name) for name in victims))
    async with opened(settings) as (database, parts):
        world = World(database, parts)
        for name in victims:
            await world.begin(task, name)
        await world.begin_jobs(task)
        for step in range(1, steps + 1):
            await nursery.die(task, step)
        for name in victims:
            await check_whole(world, name, before, after)
    async with working(settings, heartbeat=3) as (database, parts):
        world = World(database, parts)
        runs = (await parts.board.list(RunFilter(), first=1000)).runs
        ended = await world.jobs.ended([run.id for run in runs])
        assert [run.error for run in ended if run.status is not RunStatus.SUCCEEDED] == []
        for staged in (settings.data_dir / "lake" / ".staging").glob("*.part"):
            os.utime(staged, (0, 0))  # a sweep looks at the clock: what was just written may be under way
        await parts.sweeper.sweep(datetime.now(UTC) + LATER)
        for name in victims:
            assert await world.seen(name) == after, name
            assert world.files(name) == world.files(twin), name
            await check_proven(world, name)
        assert list((settings.data_dir / "lake" / ".staging").glob("*.part")) == []
        assert list((settings.data_dir / "keys").rglob("subjects/*")) == []
        assert await database.pool.fetchval("select count(*) from erased_object") == 0
        assert (await parts.mesh.verify(1)).intact


async def check_proven(world: World, name: str) -> None:
    """The receipt of each erasure is signed, and names the event that completed it."""
    for asked in await world.requests(name):
        query = "query ($d: ID!) { erasureReceipt(deletion: $d) { receipt signature publicKey } }"
        proof = (await world.graph.ask(query, d=asked["id"]))["erasureReceipt"]
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(proof["publicKey"]))
        public.verify(base64.b64decode(proof["signature"]), proof["receipt"].encode())
        told = json.loads(proof["receipt"])
        (event,) = await Log(world.database.pool).at_positions([told["position"]])
        assert (event.type, event.hash.hex()) == ("GDPRDeletionCompleted", told["eventHash"])
        assert told["deletion"] == asked["id"]


async def check_whole(world: World, name: str, before: Json, after: Json) -> None:
    """Nothing is half there: each thing is as it was before the process or as it is behind it."""
    seen = await world.seen(name)
    for what in ("batches", "rows"):
        assert seen[what] in (before[what], after[what]), (name, what)


@pytest.mark.parametrize("task", ["delta", "rebuild"])
async def test_a_delta_log_is_right_whatever_step_its_projector_dies_at(
    settings: Settings, nursery: Nursery, task: str
) -> None:
    async def changed(name: str) -> None:
        """A table, and a change of the catalog after which each of its files is named by a copy in other types."""
        async with working(settings, heartbeat=30) as (database, parts):
            world = World(database, parts)
            await world.prepare(task, name)
            await parts.delta.bring(Urn(f"dataset:{name}"))
            fields = [{"name": "id", "type": "float"}, *FIELDS[1:]]
            await world.do("evolveSchema", dataset=name, fields=fields)

    await changed(f"{task}-0")
    steps = await nursery.steps(task)
    assert steps >= 2
    for step in range(1, steps + 1):
        name = f"{task}-{step}"
        await changed(name)
        await nursery.die(task, step)
        async with opened(settings) as (_, parts):
            for dataset in await parts.delta.published():
                await parts.delta.bring(dataset)
                found = read_table(parts.delta.log_of(dataset).uri)
                assert [repr(row["id"]) for row in found] == ["1.0", "2.0", "4.0"], (step, dataset)

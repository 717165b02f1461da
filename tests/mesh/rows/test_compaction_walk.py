"""Random lives of a dataset, compacted at any moment: what is read is always what a simple model says."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from server.kernel.ids import Urn
from server.kernel.layer import Layer
from server.mesh.rows.compact_files import Thresholds
from server.mesh.rows.compaction import Compaction
from tests.mesh.at_work import AtWork, at_work

D = Urn("dataset:d")
SOON = Thresholds(enough=2, rows=1000, size_bytes=100_000, generation_files=2)
STEPS = 30
Row = tuple[str, int, str]


@dataclass
class Kept:
    """A batch as the model knows it."""

    rows: list[Row]
    short: bool
    quarantined: bool = False
    published: bool = False


@dataclass
class Walk:
    """A dataset that lives at random, and its model."""

    mesh: AtWork
    compaction: Compaction
    chance: random.Random
    batches: dict[str, Kept] = field(default_factory=dict)
    made: int = 0
    copied: int = 0

    async def step(self) -> None:
        step = self.chance.choices(
            [
                self.create,
                self.append,
                self.quarantine,
                self.release,
                self.publish,
                self.replay,
                self.expire,
                self.compact,
            ],
            weights=[8, 2, 3, 3, 4, 1, 1, 6],
        )[0]
        await step()

    async def create(self) -> None:
        batch, rows, contract = self.new()
        records = [{"n": n, "word": word} for _, n, word in rows]
        await self.mesh.do("createRecords", dataset="d", contractId=contract, records=records, batchId=batch)

    async def append(self) -> None:
        batch, rows, contract = self.new()
        text = "n,word\n" + "".join(f"{n},{word}\n" for _, n, word in rows)
        await self.mesh.append("d", batch, text, contract)

    def new(self) -> tuple[str, list[Row], str]:
        self.made += 1
        batch = f"b{self.made}" if self.chance.random() < 0.8 else f"b1-{self.made}"
        count = self.chance.randint(1, 4)
        rows = [(f"{batch}-{n:012}", self.chance.randint(0, 9), f"w{self.made}") for n in range(count)]
        short = self.chance.random() < 0.3
        self.batches[batch] = Kept(rows=rows, short=short)
        return batch, rows, "short" if short else "d-c"

    async def quarantine(self) -> None:
        if batch := self.one(lambda kept: not kept.quarantined):
            await self.mesh.do("quarantineBatch", batchId=batch, reason="odd")
            self.batches[batch].quarantined = True

    async def release(self) -> None:
        if batch := self.one(lambda kept: kept.quarantined):
            await self.mesh.do("releaseBatch", batchId=batch, reason="fine")
            self.batches[batch].quarantined = False

    async def publish(self) -> None:
        if batch := self.one(lambda kept: not kept.quarantined and not kept.published):
            await self.mesh.do("publishData", batchId=batch)
            self.batches[batch].published = True

    async def replay(self) -> None:
        if self.one(lambda kept: not kept.quarantined):
            await self.mesh.do("requestReplay", dataset="d")

    async def expire(self) -> None:
        at = datetime.now(UTC) + timedelta(days=1, minutes=1)
        await asyncio.gather(*(self.mesh.parts.board.wait(run, 60) for run in await self.mesh.parts.expiry.start(at)))
        self.batches = {batch: kept for batch, kept in self.batches.items() if not kept.short}

    async def compact(self) -> None:
        self.copied += await self.compaction.compact(D, self.chance.choice([Layer.BRONZE, Layer.GOLD]))

    def one(self, fits: Any) -> str | None:
        fitting = [batch for batch, kept in self.batches.items() if fits(kept)]
        return self.chance.choice(fitting) if fitting else None

    def expected(self, layer: Layer) -> list[Row]:
        counting = [kept for kept in self.batches.values() if not kept.quarantined]
        return sorted(row for kept in counting if layer is Layer.BRONZE or kept.published for row in kept.rows)

    async def check(self) -> None:
        for layer in (Layer.BRONZE, Layer.GOLD):
            expected = self.expected(layer)
            assert await read(self.mesh, layer) == expected
            assert sum(source.rows for source in await self.mesh.sources("d", layer)) == len(expected)


async def read(mesh: AtWork, layer: Layer) -> list[Row]:
    """The rows by `_id`."""
    rows: list[Row] = []
    with duckdb.connect(config={"threads": 1}) as engine:
        for source in await mesh.sources("d", layer):
            only = source.batches and list(source.batches)
            query = "select _id, n, word from read_parquet($1) where $2 is null or list_contains($2, _batch_id)"
            rows += engine.execute(query, [str(source.path), only]).fetchall()
    return sorted(rows)


@pytest.fixture
async def mesh(database_url: str, tmp_path: Path) -> AsyncIterator[AtWork]:
    async with at_work(database_url, tmp_path) as mesh:
        await mesh.dataset("d", [{"name": "n", "type": "int"}, {"name": "word", "type": "string"}])
        await mesh.do("createContract", dataset="d", contractId="short", retentionDays=1)
        yield mesh


def eager(mesh: AtWork) -> Compaction:
    return mesh.compaction(SOON)


@pytest.mark.parametrize("seed", range(3))
async def test_what_is_read_is_what_the_model_says_whatever_was_compacted(mesh: AtWork, seed: int) -> None:
    walk = Walk(mesh=mesh, compaction=eager(mesh), chance=random.Random(seed))
    for _ in range(STEPS):
        await walk.step()
        await walk.check()
    assert walk.copied > 0
    live = set(await walk.compaction.live_keys())
    assert {each.key for each in mesh.parts.storage.list("d/compact/")} == live


async def test_readers_beside_a_compaction_see_every_row_once(mesh: AtWork) -> None:
    walk = Walk(mesh=mesh, compaction=eager(mesh), chance=random.Random(7))
    for _ in range(6):
        await walk.create()
    expected = walk.expected(Layer.BRONZE)
    done = asyncio.Event()
    seen = 0

    async def reader() -> None:
        nonlocal seen
        while not done.is_set():
            assert await read(mesh, Layer.BRONZE) == expected
            seen += 1

    async def compactor() -> None:
        for number in range(4):
            await walk.compaction.compact(D, Layer.BRONZE)
            if number % 2:
                await mesh.do("requestReplay", dataset="d")
        done.set()

    await asyncio.gather(reader(), reader(), compactor())
    assert seen > 2

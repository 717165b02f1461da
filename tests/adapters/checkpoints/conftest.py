"""A migrated database with its log, whose events are put there by the function that puts all of them."""

import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from server.adapters.checkpoints.file import CheckpointFile
from server.adapters.checkpoints.signing import CheckpointKey
from server.adapters.checkpoints.writer import Checkpoints, Pace
from server.adapters.postgres.connections import open_engine, open_pool
from server.adapters.postgres.migrate import migrate
from server.adapters.storage.local import LocalStorage
from server.kernel.ids import Urn
from tests.adapters.store.opened import append, opened
from tests.adapters.store.shelf import Made, ShelfRow

_numbers = itertools.count(1)


@dataclass
class Signing:
    """A log, and what signs it. `now`: what its clock says."""

    pool: asyncpg.Pool
    root: Path
    put: Callable[[int], Any]  # awaits that many events
    now: datetime = field(default=datetime(2026, 1, 31, 12, tzinfo=UTC))

    @property
    def file(self) -> CheckpointFile:
        return CheckpointFile(self.root / "checkpoints")

    @property
    def storage(self) -> LocalStorage:
        return LocalStorage(self.root / "lake")

    def writer(self, pace: Pace = Pace(events=5, seconds=60)) -> Checkpoints:  # noqa: B008  # frozen
        key = CheckpointKey(self.root / "checkpoint.key")
        return Checkpoints(self.pool, self.file, key, self.storage, pace, lambda: self.now)

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    async def table(self) -> list[int]:
        return [row[0] for row in await self.pool.fetch("select position from checkpoint order by position")]

    def lines(self) -> list[int]:
        return [checkpoint.position for checkpoint in self.file.after(0)]

    def stored(self) -> list[int]:
        return sorted(int(stored.key[-24:-5]) for stored in self.storage.list())


@pytest.fixture
async def signing(database_url: str, tmp_path: Path) -> AsyncIterator[Signing]:
    engine = open_engine(database_url)
    await migrate(engine)
    async with engine.begin() as connection:
        await connection.run_sync(ShelfRow.metadata.create_all)
    await engine.dispose()
    pool = await open_pool(database_url, size=4)
    async with opened(database_url) as store:

        async def put(count: int) -> None:
            for _ in range(count):
                await store.writer.submit(append(Urn(f"dataset:{next(_numbers)}"), Made(name="x")))

        yield Signing(pool=pool, root=tmp_path, put=put)
    await pool.close()

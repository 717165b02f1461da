"""A log of 35 events with checkpoints at 10, 20 and 30, copied for each test that tampers with it."""

import asyncio
import itertools
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from server.adapters.checkpoints.file import CheckpointFile
from server.adapters.checkpoints.signing import CheckpointKey
from server.adapters.checkpoints.writer import Checkpoints, Pace
from server.adapters.postgres.cluster import EmbeddedPostgres
from server.adapters.postgres.connections import open_engine
from server.adapters.postgres.migrate import migrate
from server.adapters.storage.local import LocalStorage
from server.verification.report import Report
from server.verification.verify import Question, verify
from tests.adapters.store.opened import append, opened
from tests.adapters.store.shelf import BookPut, Made, ShelfRow

TEMPLATE = "verification_template"
COUNT, SIGNED = 35, (10, 20, 30)
TITLES = ("Ulysses", 'a "quoted" \\ title', "tab\tand\nline", "Élan vital 🚲", "\x01\x1f\x7f", "</script>")
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Evidence:
    """A database and what was signed of it. `folder`: with the file; `loose`: with the single checkpoints."""

    dsn: str
    root: Path

    @property
    def folder(self) -> Path:
        return self.root / "checkpoints"

    @property
    def file(self) -> Path:
        return self.folder / "checkpoints.ndjson"

    @property
    def loose(self) -> Path:
        return self.root / "lake" / "_checkpoints"

    @property
    def key(self) -> CheckpointKey:
        return CheckpointKey(self.root / "checkpoint.key")

    async def verified(self, *places: Path, live: bool = True, after: int = 0, keys: tuple[str, ...] = ()) -> Report:
        """Against these places, or all."""
        question = Question(dsn=self.dsn, places=places or (self.folder, self.loose), live=live, after=after, keys=keys)
        return await verify(question)

    async def tamper(self, *statements: str) -> None:
        """As a superuser does who switches the trigger off."""
        connection = await asyncpg.connect(self.dsn)
        try:
            async with connection.transaction():
                await connection.execute("alter table events disable trigger events_are_final")
                for statement in statements:
                    await connection.execute(statement)
                await connection.execute("alter table events enable trigger events_are_final")
        finally:
            await connection.close()

    async def value(self, statement: str) -> object:
        connection = await asyncpg.connect(self.dsn)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()


@pytest.fixture(scope="session")
def original(postgres_server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """Nobody is connected to its database."""
    evidence = Evidence(dsn=_address(postgres_server, TEMPLATE), root=tmp_path_factory.mktemp("evidence"))
    _run(postgres_server.dsn, f"create database {TEMPLATE}")
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(_record(evidence))
    return evidence


@pytest.fixture
def evidence(postgres_server: EmbeddedPostgres, original: Evidence, tmp_path: Path) -> Iterator[Evidence]:
    """A copy for whoever tampers with it."""
    name = f"verification_{next(_numbers)}"
    _run(postgres_server.dsn, f"create database {name} template {TEMPLATE}")
    root = tmp_path / "evidence"
    shutil.copytree(original.root, root)
    yield Evidence(dsn=_address(postgres_server, name), root=root)
    _run(postgres_server.dsn, f"drop database {name} with (force)")


async def _record(evidence: Evidence) -> None:
    engine = open_engine(evidence.dsn)
    await migrate(engine)
    async with engine.begin() as connection:
        await connection.run_sync(ShelfRow.metadata.create_all)
    await engine.dispose()
    async with opened(evidence.dsn) as store:
        storage = LocalStorage(evidence.root / "lake")
        pace = Pace(events=1, seconds=1)
        file = CheckpointFile(evidence.folder)
        checkpoints = Checkpoints(store.pool, file, evidence.key, storage, pace, lambda: datetime.now(UTC))
        await store.writer.submit(append("dataset:A", Made(name="a")))
        await store.writer.submit(append("dataset:b", Made(name="b")))
        for number in range(3, COUNT + 1):
            stream = ("dataset:A", "dataset:b")[number % 2]
            await store.writer.submit(append(stream, BookPut(title=TITLES[number % 6], books=number)))
            if number in SIGNED:
                await checkpoints.write()


def _address(server: EmbeddedPostgres, name: str) -> str:
    return urlsplit(server.dsn)._replace(path=f"/{name}").geturl()


def _run(dsn: str, statement: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(execute())

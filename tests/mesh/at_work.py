"""A mesh that does its runs: a real database, storage and engine, a worker, asked through the graph in this process."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from server.adapters.postgres.connections import open_engine
from server.adapters.postgres.migrate import migrate
from server.adapters.runs import RunWorker
from server.adapters.storage import layout
from server.adapters.store.attempts import Attempts
from server.assembly.assembled import assemble
from server.database import Database
from server.kernel.layer import Layer
from server.mesh.rows.compact_files import CompactFiles, Thresholds
from server.mesh.rows.compaction import Compaction
from server.mesh.rows.sources import Source
from server.settings import Settings
from tests.graph.conftest import Graph

FIELDS = [{"name": "n", "type": "int"}, {"name": "word", "type": "string"}, {"name": "price", "type": "decimal(10,2)"}]


class AtWork(Graph):
    """The schema on a mesh with a worker."""

    pool: asyncpg.Pool

    async def dataset(self, name: str, fields: list[dict[str, Any]] = FIELDS, **terms: Any) -> None:
        """Register a dataset with its contract `<name>-c`."""
        await self.do("registerDataset", name=name, fields=fields)
        await self.do("createContract", dataset=name, contractId=f"{name}-c", **terms)

    async def do(self, mutation: str, select: str = "events { type }", /, **given: Any) -> dict[str, Any]:
        """The payload of a mutation."""
        kind = f"{mutation[0].upper()}{mutation[1:]}Input"
        document = f"mutation($input: {kind}!) {{ {mutation}(input: $input) {{ {select} }} }}"
        payload: dict[str, Any] = (await self.ask(document, input=given))[mutation]
        return payload

    async def append(self, dataset: str, batch: str, text: str, contract: str | None = None) -> None:
        """Append a file of this text."""
        storage = self.parts.storage
        key = layout.landing(uuid.uuid4(), "rows.csv")
        staged = storage.staging()
        staged.write_text(text)
        storage.commit(staged, key)
        contract = contract or f"{dataset}-c"
        await self.do("appendData", dataset=dataset, contractId=contract, batchId=batch, fileUrl=key)

    async def sources(self, dataset: str, layer: Layer = Layer.BRONZE) -> tuple[Source, ...]:
        """The files from which rows are read now."""
        return await self.parts.sources.of(f"dataset:{dataset}", layer)

    def compaction(self, above: Thresholds) -> Compaction:
        """A compaction that starts where it is told to."""
        parts = self.parts
        files, attempts = CompactFiles(self.pool), Attempts(self.pool)
        return Compaction(files, parts.sources, parts.mesh.datasets, parts.storage, parts.engine, attempts, above)


@asynccontextmanager
async def at_work(database_url: str, data_dir: Path, **settings: Any) -> AsyncIterator[AtWork]:
    """A migrated database and the mesh on it."""
    engine = open_engine(database_url)
    await migrate(engine)
    async with asyncpg.create_pool(database_url, min_size=1, max_size=8) as pool:
        database = Database(dsn=database_url, listen_dsn=database_url, pool=pool, engine=engine, label="Postgres")
        async with assemble(Settings(data_dir=data_dir, **settings), database) as parts:
            worker = RunWorker(pool, parts.signals, parts.handlers, recorded=parts.recorded)
            await worker.start()
            try:
                mesh = AtWork(parts)
                mesh.pool = pool
                yield mesh
            finally:
                await worker.stop()
    await engine.dispose()

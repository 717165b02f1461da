"""A mesh that does its runs, and its published rows as every engine reads them."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import deltalake
import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from server.adapters.delta.log import DeltaLog
from server.adapters.storage import layout
from server.assembly.assembled import Assembly, assemble, worker
from server.database import open_database
from server.kernel.ids import Urn
from server.settings import Settings
from tests.graph.conftest import Graph

Json = dict[str, Any]
PATIENCE = 30.0


@dataclass
class Lake:
    """Datasets told by mutations. `parts` are those of the first process."""

    graph: Graph

    @property
    def parts(self) -> Assembly:
        return self.graph.parts

    async def do(self, name: str, /, **given: Any) -> Json:
        kind = f"{name[0].upper()}{name[1:]}Input"
        document = f"mutation ($input: {kind}!) {{ {name}(input: $input) {{ events {{ position type }} }} }}"
        payload: Json = (await self.graph.ask(document, input=given))[name]
        return payload

    async def register(self, dataset: str, fields: list[Json], **terms: Any) -> None:
        await self.do("registerDataset", name=dataset, fields=fields)
        await self.do("createContract", contractId=f"{dataset}-c", dataset=dataset, **terms)

    async def append(self, dataset: str, batch: str, text: str) -> None:
        key = layout.landing(uuid.uuid4(), "rows.csv")
        staged = self.parts.storage.staging()
        staged.write_text(text)
        self.parts.storage.commit(staged, key)
        await self.do("appendData", dataset=dataset, contractId=f"{dataset}-c", batchId=batch, fileUrl=key)

    async def publish(self, dataset: str, batch: str, text: str, *, anonymize: bool = False) -> None:
        await self.append(dataset, batch, text)
        if anonymize:
            await self.do("anonymizeData", batchId=batch)
        await self.do("publishData", batchId=batch)

    def log(self, dataset: str) -> DeltaLog:
        return self.parts.delta.log_of(Urn(f"dataset:{dataset}"))

    async def bring(self, dataset: str) -> bool:
        return await self.parts.delta.bring(Urn(f"dataset:{dataset}"))

    def read(self, dataset: str) -> list[Json]:
        """The rows of the table, without the instant of their append; all engines agree on them."""
        return read_table(self.log(dataset).uri)

    def paths(self, dataset: str) -> set[str]:
        """The files that the table names, from its folder."""
        standing = self.log(dataset).read()
        return set() if standing is None else set(standing.files)

    def gold(self, dataset: str, batch: str) -> list[Json]:
        """The rows of the newest published file of a batch."""
        folder = self.parts.storage.root / dataset / "gold" / batch
        newest = max((path for path in folder.iterdir() if path.stem.isdigit()), key=lambda path: int(path.stem))
        rows: list[Json] = parquet.read_table(newest).drop_columns(["_created_at"]).to_pylist()
        return rows


def read_table(uri: str) -> list[Json]:
    """The rows of a Delta table in order of `_id`, read by deltalake (twice), Polars and DuckDB."""
    table = deltalake.DeltaTable(uri)
    arrow = sorted(table.to_pyarrow_table().to_pylist(), key=lambda row: row["_id"])
    rust = pa.table(deltalake.QueryBuilder().register("t", table).execute("select * from t order by _id"))
    assert rust.to_pylist() == arrow
    assert polars.read_delta(uri).sort("_id").to_dicts() == arrow
    if files := table.file_uris():
        columns = ", ".join('"' + name.replace('"', '""') + '"' for name in arrow[0])
        sql = f"select {columns} from read_parquet($1, union_by_name = true) order by _id"
        connection = duckdb.connect()
        connection.execute("set timezone = 'UTC'")
        assert connection.execute(sql, [sorted(files)]).fetchall() == [tuple(row.values()) for row in arrow]
    return [{name: value for name, value in row.items() if name != "_created_at"} for row in arrow]


async def until(true: Callable[[], bool]) -> None:
    """Return once the condition holds."""
    async with asyncio.timeout(PATIENCE):
        while not true():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def process(settings: Settings) -> AsyncIterator[Assembly]:
    """What one process of the mesh is made of, with a worker."""
    async with (
        open_database(settings) as database,
        assemble(settings, database) as parts,
        worker(settings, database, parts),
    ):
        yield parts


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, database_url=database_url)


@pytest.fixture
async def lake(settings: Settings) -> AsyncIterator[Lake]:
    """A mesh whose Delta logs nobody keeps: tests bring them up themselves."""
    async with process(settings) as parts:
        yield Lake(Graph(parts))


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.mesh.publishing.following.LOOK_SECONDS", 0.05)

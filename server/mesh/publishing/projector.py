"""The projector: brings the Delta log of a dataset to what the catalog says of its published batches.

It compares and mends, whatever happened before: a lost event, a crash between two steps or a log that somebody
deleted are all the same to it. The catalog is right first; the log follows.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime

import asyncpg

from server.adapters.delta.commit import schema_text
from server.adapters.delta.log import DeltaLog, LogDamaged, Wanted
from server.adapters.engine.bare_statistics import retyped
from server.adapters.engine.session import Engine
from server.adapters.engine.source import Source
from server.adapters.storage import layout
from server.adapters.storage.local import LocalStorage
from server.adapters.storage.port import ObjectExists
from server.adapters.store.locks import delta_log_locked
from server.adapters.store.log import EventQuery, Log, StoredEvent
from server.kernel.ids import Urn, name_of
from server.kernel.layer import Layer
from server.kernel.recorded import FOREVER
from server.kernel.row_schema import row_schema
from server.mesh.dataset.queries import DatasetQueries, fields_of
from server.mesh.publishing.table import Table, TableFile, table_of
from server.mesh.rows.sources import Sources

logger = logging.getLogger(__name__)

_EVER_PUBLISHED = "select distinct dataset from batch where published_at is not null and valid_to = $1 order by 1"


class DeltaProjector:
    """Keeps the Delta logs of all datasets."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        log: Log,
        storage: LocalStorage,
        engine: Engine,
        sources: Sources,
        datasets: DatasetQueries,
        clock: Callable[[], datetime],
    ) -> None:
        self._pool = pool
        self._log = log
        self._storage = storage
        self._engine = engine
        self._sources = sources
        self._datasets = datasets
        self._clock = clock

    async def head(self) -> int:
        """The last position of the catalog's log."""
        return await self._log.head()

    async def recorded_since(self, position: int, query: EventQuery) -> tuple[int, list[StoredEvent]]:
        """The last position now, and the matching events behind `position` up to it, in order."""
        head = await self._log.head()
        return head, await self._log.matching(query, position, head) if head > position else []

    async def published(self) -> Sequence[Urn]:
        """The datasets that have, or once had, something published."""
        return [Urn(row["dataset"]) for row in await self._pool.fetch(_EVER_PUBLISHED, FOREVER)]

    async def bring(self, dataset: Urn) -> bool:
        """Make the log of one dataset say what the catalog says; whether it took a commit."""
        async with delta_log_locked(self._pool, dataset):
            return await self._bring(dataset)

    async def rebuild(self) -> int:
        """Drop every log and make it anew; how many stand then."""
        datasets = await self.published()
        made = 0
        for dataset in datasets:
            async with delta_log_locked(self._pool, dataset):
                await asyncio.to_thread(self.log_of(dataset).drop)
                made += await self._bring(dataset)
        return made

    async def anew(self, dataset: Urn) -> None:
        """Drop the log of one dataset, with all that it says of earlier files, and make it of what counts now."""
        async with delta_log_locked(self._pool, dataset):
            await asyncio.to_thread(self.log_of(dataset).drop)
            await self._bring(dataset)

    async def table(self, dataset: Urn) -> Table:
        """The table as the catalog has it now."""
        row = await self._datasets.known(dataset)
        pieces = await self._sources.pieces(dataset, Layer.GOLD)
        fields = row_schema(fields_of(row), Layer.GOLD, [piece.fields for piece in pieces])
        return table_of(dataset, fields, pieces)

    def log_of(self, dataset: Urn) -> DeltaLog:
        """The log of one dataset."""
        name = name_of(dataset)
        return DeltaLog(self._storage, layout.delta_table(name), layout.delta_log(name))

    async def _bring(self, dataset: Urn) -> bool:
        position = await self.head()  # before the look: what is seen is at least this new
        table = await self.table(dataset)
        for file in table.files:
            if file.is_copy and not await asyncio.to_thread(self._storage.exists, file.key):
                await self._copy(table, file)
        folder = layout.delta_table(name_of(dataset))
        wanted = Wanted(
            position=position,
            schema=schema_text(table.fields),
            rows={file.key.removeprefix(folder): file.piece.rows for file in table.files},
        )
        log = self.log_of(dataset)
        try:
            return await asyncio.to_thread(log.bring, wanted, self._clock())
        except LogDamaged as damage:
            logger.warning("the Delta log of %s cannot be read and is made anew (%s)", dataset, damage)
            await asyncio.to_thread(log.drop)
            return await asyncio.to_thread(log.bring, wanted, self._clock())

    async def _copy(self, table: Table, file: TableFile) -> None:
        """Write a batch's published rows once more, in the types of the table."""
        path = await asyncio.to_thread(self._storage.read_path, file.piece.key)
        source = Source(path=path, fields=file.piece.fields, rows=file.piece.rows)
        personal = {field.name for field in (*source.fields, *table.fields) if field.is_personal}
        staged = self._storage.staging()
        try:
            await self._engine.run(lambda cursor: retyped(cursor, source, table.fields, staged, personal), heavy=True)
            await asyncio.to_thread(self._storage.commit, staged, file.key)
        except ObjectExists:
            return  # another projector, whose lock was lost with its connection, made the same
        finally:
            await asyncio.to_thread(staged.unlink, missing_ok=True)

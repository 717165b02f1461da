"""Compaction: many small files of a dataset copied into few larger ones, from which rows are read faster.

A copy is for reading only. Everything that is done to a batch works on its own files; a batch whose attempt moved on
is read from its own file again. So no answer depends on a copy, and one that is lost costs nothing but time.
"""

import asyncio
from collections.abc import Collection, Sequence
from pathlib import Path

import duckdb

from server.adapters.engine.bare_statistics import without_statistics
from server.adapters.engine.compact import compact
from server.adapters.engine.session import Engine
from server.adapters.engine.source import Source, SourceGone
from server.adapters.runs import RunContext, RunOutcome
from server.adapters.storage import layout
from server.adapters.storage.port import ObjectMissing, Storage
from server.adapters.storage.staged import remove_staged
from server.adapters.store.attempts import Attempts
from server.kernel.fields import Field
from server.kernel.ids import Urn, name_of
from server.kernel.layer import Layer
from server.mesh.batch.payloads import CompactPayload, load
from server.mesh.dataset.queries import DatasetQueries, fields_of
from server.mesh.rows.compact_files import CompactFiles, Thresholds
from server.mesh.rows.compaction_plan import THRESHOLDS, Merge, Plan, planned
from server.mesh.rows.pieces import CompactFile, gathered
from server.mesh.rows.sources import Sources

ROUNDS = 8  # of a run: one for each generation that a merge may fill, far more than any dataset has


class Compaction:
    """Merges files, and forgets merged ones."""

    def __init__(
        self,
        files: CompactFiles,
        sources: Sources,
        datasets: DatasetQueries,
        storage: Storage,
        engine: Engine,
        attempts: Attempts,
        above: Thresholds = THRESHOLDS,
    ) -> None:
        self._files = files
        self._sources = sources
        self._datasets = datasets
        self._storage = storage
        self._engine = engine
        self._attempts = attempts
        self._above = above

    async def due(self) -> Sequence[Urn]:
        """The datasets in which something is to be merged or retired now."""
        found = await self._files.candidates(self._above)
        return [dataset for dataset in found if any([await self._plan(dataset, layer) for layer in Layer])]

    async def handle(self, context: RunContext) -> RunOutcome:
        """A run of kind COMPACT. It records no event."""
        dataset = load(CompactPayload, context.run.payload).dataset
        rows = 0
        for number, layer in enumerate(Layer, 1):
            rows += await self.compact(dataset, layer)
            await context.progress(number / len(Layer), rows)
        return RunOutcome()

    async def compact(self, dataset: Urn, layer: Layer) -> int:
        """Merge what is to be merged in one layer of a dataset; how many rows were copied."""
        copied = 0
        for _ in range(ROUNDS):
            plan = await self._plan(dataset, layer)
            if not plan:
                break
            await self._files.retire(plan.stale)
            merged = [await self._merge(dataset, layer, merge) for merge in plan.merges]
            copied += sum(merged)
            if plan.merges and not any(merged):  # batches move on as fast as they are copied: another time
                break
        return copied

    async def forget(self, dataset: str, batch: str) -> None:
        """Remove every copy that holds rows of a batch, by its bare id. Done again it ends the same."""
        files = await self._files.retire_with(dataset, batch)
        await self._remove(files)

    async def sweep(self) -> None:
        """Remove the copies that were retired so long ago that nobody reads them any more."""
        await self._remove(await self._files.out())

    async def live_keys(self) -> Collection[str]:
        """The keys of copies that are not to be swept; all others in the folders `compact` belong to nobody."""
        return await self._files.keys()

    async def _plan(self, dataset: Urn, layer: Layer) -> Plan:
        files = await self._files.standing([dataset], layer)
        return planned(await self._sources.pieces(dataset, layer), files, self._above)

    async def _merge(self, dataset: Urn, layer: Layer, merge: Merge) -> int:
        """Write one copy and let it stand; how many rows it holds, 0 where it came too late."""
        number = await self._attempts.next()
        key = layout.compact(name_of(dataset), layer.lower(), number)
        staged, spare = self._storage.staging(), self._storage.staging()
        try:
            parts = await asyncio.to_thread(self._parts, merge)
            hidden = await self._personal(dataset, merge.fields) if layer is Layer.GOLD else frozenset[str]()
            rows = await self._engine.run(
                lambda cursor: write_copy(cursor, parts, merge.fields, hidden, staged, spare), heavy=True
            )
            size = (await asyncio.to_thread(staged.stat)).st_size
            await asyncio.to_thread(self._storage.commit, staged, key)
        except (ObjectMissing, SourceGone):  # a batch was removed meanwhile
            return 0
        finally:
            await asyncio.to_thread(remove_staged, staged, spare)
        expected = sum(piece.rows for piece in merge.pieces)
        if rows != expected:
            await asyncio.to_thread(self._storage.delete, key)
            raise RuntimeError(f"{rows} rows were copied of {expected} in {len(merge.pieces)} files")
        file = CompactFile(
            number=number,
            dataset=dataset,
            layer=layer,
            generation=merge.generation,
            copied={piece.made: piece.rows for piece in merge.pieces},
            size_bytes=size,
        )
        if not await self._files.replace(file, [old.number for old in merge.files]):
            await asyncio.to_thread(self._storage.delete, key)
            return 0
        return rows

    async def _personal(self, dataset: Urn, fields: Sequence[Field]) -> frozenset[str]:
        """The columns that are personal by the schema of their rows, or by that of today."""
        now = fields_of(await self._datasets.known(dataset))
        return frozenset(field.name for field in (*fields, *now) if field.is_personal)

    def _parts(self, merge: Merge) -> list[Source]:
        files = [file for file in merge.files if self._storage.exists(file.key)]
        stretches = gathered(merge.pieces, files)
        return [
            Source(path=self._storage.read_path(one.key), fields=one.fields, batches=one.batches) for one in stretches
        ]

    async def _remove(self, files: Collection[CompactFile]) -> None:
        """Storage first: a file that is on the list is found again after a crash."""
        for file in files:
            await asyncio.to_thread(self._storage.delete, file.key)
        await self._files.remove(files)


def write_copy(
    cursor: duckdb.DuckDBPyConnection,
    parts: Sequence[Source],
    fields: Sequence[Field],
    hidden: Collection[str],
    target: Path,
    spare: Path,
) -> int:
    """Write a copy to `target`, without statistics of the columns `hidden`, by way of `spare`; its rows.

    Raises: SourceGone.
    """
    rows = compact(cursor, parts, fields, target)
    if hidden:
        without_statistics(target, spare, hidden)
        spare.replace(target)
    return rows

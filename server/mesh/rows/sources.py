"""Where the rows of a dataset stand: the files of its batches in one layer, as of a position of the log."""

import asyncio
from collections.abc import Mapping, Sequence

from server.adapters.engine.source import Source
from server.adapters.storage.port import ObjectMissing, Storage
from server.adapters.store.listing import At
from server.adapters.store.reader import NOW
from server.kernel.errors import PreconditionFailed, Unavailable
from server.kernel.fields import Field
from server.kernel.ids import Urn
from server.kernel.layer import Layer
from server.kernel.privacy import privacy_schema
from server.mesh.batch.queries import BatchAttempts, BatchQueries, rules_of
from server.mesh.batch.state import BatchStatus
from server.mesh.dataset.queries import DatasetQueries, fields_of
from server.mesh.rows.compact_files import CompactFiles
from server.mesh.rows.pieces import CompactFile, Made, Piece, gathered

__all__ = ["Source", "Sources"]

HIDDEN = (BatchStatus.QUARANTINED, BatchStatus.EXPIRED)
KEPT = 64  # datasets and layers whose files are remembered
LOOKS = 3  # at a catalog whose files go while they are looked for


class Sources:
    """Finds the files that hold rows; quarantined and expired batches are left out."""

    def __init__(
        self, batches: BatchQueries, datasets: DatasetQueries, storage: Storage, compact: CompactFiles
    ) -> None:
        self._batches = batches
        self._datasets = datasets
        self._storage = storage
        self._compact = compact
        self._kept: dict[tuple[str, Layer], tuple[int, Sequence[Piece]]] = {}

    async def of(self, dataset: str, layer: Layer, position: int = NOW) -> tuple[Source, ...]:
        """The files of one dataset, oldest batch first. Raises: PreconditionFailed, where they are gone."""
        at = At(dataset, position)
        return (await self.many(layer, [at]))[at]

    async def many(self, layer: Layer, asked: Sequence[At]) -> dict[At, tuple[Source, ...]]:
        """The files of many datasets, each at its position; as many statements as for one.

        Raises: PreconditionFailed, where those of an earlier position are gone or hidden now.
        """
        for _ in range(LOOKS):
            pieces = await self._pieces_at(layer, asked)
            copies = await self._compact.standing({at.id for at in asked}, layer)
            try:
                return await asyncio.to_thread(self._found, pieces, copies)
            except ObjectMissing:  # expired or replaced while we looked: what stands now is another set
                if any(at.position != NOW for at in asked):
                    raise PreconditionFailed(
                        "rows of this position are gone: their files were replaced or removed since; ask for now"
                    ) from None
        raise Unavailable("the files of this dataset are being replaced; try again in a moment")

    async def pieces(self, dataset: str, layer: Layer) -> Sequence[Piece]:
        """The batches' own files of a layer now, oldest first."""
        at = At(dataset, NOW)
        return (await self._pieces_at(layer, [at]))[at]

    async def _pieces_at(self, layer: Layer, asked: Sequence[At]) -> dict[At, Sequence[Piece]]:
        """The batches' own files. Those that stand now are kept until a batch of their dataset changes."""
        changed = await self._batches.newest_changes(list({*asked, *(At(at.id, NOW) for at in asked)}))
        current = {at: changed[at] for at in asked if at in changed and changed[at] == changed.get(At(at.id, NOW))}
        found: dict[At, Sequence[Piece]] = {}
        for at, change in current.items():
            kept = self._kept.get((at.id, layer))
            if kept is not None and kept[0] == change:
                found[at] = kept[1]
        if not (missing := [at for at in asked if at not in found]):
            return found
        rows = await self._batches.of_datasets(missing)
        await self._refuse_hidden({at: each for at, each in rows.items() if at not in current})
        fields = await self._fields(layer, rows)
        for at, each in rows.items():
            found[at] = _pieces(layer, each, fields)
            if at.position != NOW and at in current:  # what is read of now may be newer than the change
                self._keep((at.id, layer), (current[at], found[at]))
        return found

    def _keep(self, name: tuple[str, Layer], kept: tuple[int, Sequence[Piece]]) -> None:
        self._kept.pop(name, None)
        self._kept[name] = kept
        if len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]

    async def _refuse_hidden(self, rows: Mapping[At, Sequence[BatchAttempts]]) -> None:
        """What was open at an earlier position and is hidden now stays hidden."""
        earlier = {row.id for at, found in rows.items() if at.position != NOW for row in found if _open(row)}
        if not earlier:
            return
        now = await self._batches.of_datasets([At(id, NOW) for id in {at.id for at in rows}])
        hidden = sorted(row.batch_id for found in now.values() for row in found if row.id in earlier and not _open(row))
        if hidden:
            raise PreconditionFailed(
                f"rows of this position are gone: batch {hidden[0]!r} is quarantined or expired now; ask for now",
                batches=hidden[:20],
            )

    async def _fields(self, layer: Layer, rows: Mapping[At, Sequence[BatchAttempts]]) -> dict[str, tuple[Field, ...]]:
        """What the columns of each batch's file are, by the batch's URN and attempt."""
        versions = await self._datasets.schema_histories([At(id, NOW) for id in {at.id for at in rows}])
        written = {(row.dataset, row.version): fields_of(row) for found in versions.values() for row in found}
        found = {_named(row): written[row.dataset, row.schema_version] for each in rows.values() for row in each}
        if layer is Layer.BRONZE:
            return found
        treated = {At(row.id, at.position): row for at, each in rows.items() for row in each if row.silver is not None}
        reports = await self._batches.privacy_reports(list(treated)) if treated else {}
        for at, row in treated.items():
            if reports[at]:
                found[_named(row)] = privacy_schema(found[_named(row)], rules_of(reports[at][-1].rules))
        return found

    def _found(
        self, pieces: Mapping[At, Sequence[Piece]], copies: Sequence[CompactFile]
    ) -> dict[At, tuple[Source, ...]]:
        try:
            return {
                at: self._sources(each, [one for one in copies if one.dataset == at.id]) for at, each in pieces.items()
            }
        except ObjectMissing:  # perhaps a copy, and no answer depends on one
            return {at: self._sources(each, ()) for at, each in pieces.items()}

    def _sources(self, pieces: Sequence[Piece], copies: Sequence[CompactFile]) -> tuple[Source, ...]:
        return tuple(
            Source(
                path=self._storage.read_path(one.key),
                fields=one.fields,
                batches=one.batches,
                rows=one.rows,
                holds=one.holds,
            )
            for one in gathered(pieces, copies)
        )


def _pieces(layer: Layer, rows: Sequence[BatchAttempts], fields: Mapping[str, tuple[Field, ...]]) -> list[Piece]:
    return [
        Piece(
            made=Made(row.batch_id, attempt),
            dataset=Urn(row.dataset),
            layer=layer,
            fields=fields[_named(row)],
            rows=row.row_count,
            size_bytes=row.size_bytes,
        )
        for row in rows
        if _open(row) and (attempt := _attempt(row, layer)) is not None
    ]


def _open(row: BatchAttempts) -> bool:
    return row.status not in HIDDEN


def _named(row: BatchAttempts) -> str:
    return f"{row.id}#{row.revision}"


def _attempt(row: BatchAttempts, layer: Layer) -> int | None:
    """Whose file of a layer counts; None where the batch has not come so far."""
    return {Layer.BRONZE: row.bronze, Layer.SILVER: row.silver, Layer.GOLD: row.gold}[layer]

"""Assets: what can stand at an end of an edge, by URN: products, datasets, and what only lineage knows."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from sqlalchemy import func
from sqlmodel import col

from server.adapters.store.append import StreamCheck
from server.adapters.store.reader import NOW, Reader
from server.adapters.store.schema_column import SchemaRow, fields_of
from server.kernel.errors import AlreadyExists, BadUserInput, NotFound
from server.kernel.external import parse_external
from server.kernel.ids import Kind, Urn, check_name, urn
from server.kernel.lineage import ExternalKind
from server.kernel.record import record
from server.mesh.dataset.queries import DatasetRow
from server.mesh.lineage.facts import Introduced
from server.mesh.lineage.tables import ExternalRow
from server.mesh.product.queries import ProductRow

AnyRow: TypeAlias = DatasetRow | ProductRow | ExternalRow

_TABLES: Mapping[str, type[DatasetRow] | type[ProductRow] | type[ExternalRow]] = {
    Kind.DATASET: DatasetRow,
    Kind.PRODUCT: ProductRow,
    Kind.EXTERNAL: ExternalRow,
}
_MAKERS: Mapping[str, str] = {
    Kind.DATASET: "register it with registerDataset",
    Kind.PRODUCT: "register it with registerDataProduct",
    Kind.EXTERNAL: "registerLineage makes it known at its first mention",
}


@record
class End:
    """An end of an edge. `columns` None: nobody registered a schema; `check`: the stream may end meanwhile."""

    urn: Urn
    columns: frozenset[str] | None
    introduced: Introduced | None = None
    check: StreamCheck | None = None


def asset_urn(text: str, *, field: str) -> Urn:
    """The canonical URN of an asset. Raises: BadUserInput."""
    kind, _, name = text.partition(":")
    if kind == Kind.EXTERNAL:
        return parse_external(text, field=field).urn
    if kind in _TABLES:
        return urn(Kind(kind), check_name(name, field=field))
    raise BadUserInput(
        f"{field} {text[:140]!r} does not say what it is: write product:<name>, dataset:<name>"
        " or external:<namespace>/<name>",
        field=field,
    )


class Assets:
    """Finds assets as they stand at a position."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def known(self, text: str, *, field: str, position: int = NOW) -> Urn:
        """The URN of an asset that exists. Raises: BadUserInput, NotFound."""
        asset = asset_urn(text, field=field)
        if await self._row(asset, position) is None:
            raise await self._unknown(asset, field, position)
        return asset

    async def ends(
        self, source: Urn, target: Urn, source_kind: ExternalKind | None, target_kind: ExternalKind | None
    ) -> tuple[End, End]:
        """Both ends of an edge to be; an external asset may be new. Raises: BadUserInput, NotFound, AlreadyExists."""
        alike = await self._externals(tuple(end for end in (source, target) if is_external(end)))
        first, second = await asyncio.gather(
            self._end(source, source_kind, "source", alike), self._end(target, target_kind, "target", alike)
        )
        if first.introduced and second.introduced and source != target and _folded(source) == _folded(target):
            raise AlreadyExists(
                "source and target differ only by case or Unicode form; spell both alike, or name another asset",
                field="target",
            )
        return first, second

    async def _end(self, asset: Urn, kind: ExternalKind | None, field: str, alike: Mapping[str, ExternalRow]) -> End:
        if is_external(asset):
            return _external_end(asset, kind, field, alike.get(_folded(asset)))
        if kind is not None:
            raise BadUserInput(
                f"{field}Kind says what an external asset is, and {field} is none; leave it out", field=f"{field}Kind"
            )
        match await self._row(asset, NOW):
            case DatasetRow() as row:
                return End(urn=asset, columns=_columns(row))
            case ProductRow() as row:
                check = StreamCheck(stream=asset, version=row.revision)
                return End(urn=asset, columns=_columns(row), check=check)
            case _:
                raise await self._unknown(asset, field, NOW)

    async def _externals(self, assets: Sequence[Urn]) -> Mapping[str, ExternalRow]:
        """What stands under the folded names of these."""
        if not assets:
            return {}
        rows = await self._reader.all(ExternalRow, col(ExternalRow.folded).in_([_folded(asset) for asset in assets]))
        return {row.folded: row for row in rows}

    async def _row(self, asset: Urn, position: int) -> AnyRow | None:
        return await self._reader.by_id(_TABLES[asset.partition(":")[0]], asset, position)

    async def _unknown(self, asset: Urn, field: str, position: int) -> NotFound:
        if position != NOW and await self._row(asset, NOW) is not None:
            return NotFound(
                f"{field} {asset[:140]!r} did not stand at position {position}; ask for a later one", field=field
            )
        other = await self._alike(asset, position)
        need = _MAKERS[asset.partition(":")[0]] if other is None else f"it is registered as {other[:140]!r}"
        return NotFound(f"{field} {asset[:140]!r} is not known; {need}", field=field)

    async def _alike(self, asset: Urn, position: int) -> str | None:
        """The asset that only another spelling tells apart from this one."""
        table = _TABLES[asset.partition(":")[0]]
        if issubclass(table, ExternalRow):
            alike = col(ExternalRow.folded) == _folded(asset)
        else:
            alike = func.lower(col(table.id)) == asset.lower()
        rows = await self._reader.all(table, alike, position=position)
        return rows[0].id if rows else None


def _columns(row: SchemaRow) -> frozenset[str]:
    return frozenset(field.name for field in fields_of(row))


def _folded(asset: Urn) -> str:
    return parse_external(asset, field="asset").folded


def is_external(asset: Urn) -> bool:
    """Whether only lineage knows it."""
    return asset.startswith(f"{Kind.EXTERNAL}:")


def _external_end(asset: Urn, kind: ExternalKind | None, field: str, alike: ExternalRow | None) -> End:
    if alike is None:
        return End(urn=asset, columns=None, introduced=Introduced(asset=asset, kind=kind or ExternalKind.DATASET))
    if alike.id != asset:
        raise AlreadyExists(
            f"{field} {asset[:140]!r} differs only by case or Unicode form from {alike.id[:140]!r}, which is known;"
            " write it so, or name another asset",
            field=field,
            known=alike.id,
        )
    if kind is not None and kind != alike.kind:
        raise BadUserInput(
            f"{field}Kind is {kind}, but the asset is known as {alike.kind}; leave it out", field=f"{field}Kind"
        )
    return End(urn=asset, columns=None)

"""Typed reads of data lakes, each at a position of the log."""

from collections.abc import Sequence

from server.adapters.store.listing import At, Listing
from server.adapters.store.reader import NOW, Reader
from server.kernel.ids import Kind, reference
from server.mesh.dataset.tables import DatasetRow
from server.mesh.lake.state import unknown_lake
from server.mesh.lake.tables import LakeRow

__all__ = ["LAKES_BY_NAME", "OF_LAKE", "LakeQueries", "LakeRow"]


class LakeQueries:
    """Reads of lakes."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def find(self, text: str, position: int = NOW) -> LakeRow | None:
        """The lake that a URN or an id means."""
        return await self._reader.by_id(LakeRow, reference(Kind.LAKE, text, field="id"), position)

    async def known(self, text: str, *, field: str = "lake", position: int = NOW) -> LakeRow:
        """The lake that a URN or an id means. Raises: NotFound."""
        urn = reference(Kind.LAKE, text, field=field)
        row = await self._reader.by_id(LakeRow, urn, position)
        if row is None:
            raise unknown_lake(urn, field=field)
        return row

    async def by_ids(self, asked: Sequence[At]) -> dict[At, LakeRow]:
        """Lakes by URN and position."""
        return await self._reader.by_ids(LakeRow, asked)


LAKES_BY_NAME: Listing[LakeRow] = Listing(table=LakeRow, key="listed")
OF_LAKE: Listing[DatasetRow] = Listing(table=DatasetRow, key="name", parent="lake")

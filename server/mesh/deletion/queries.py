"""Typed reads of erasure requests, each at a position of the log."""

from collections.abc import Sequence

from sqlmodel import col

from server.adapters.store.listing import At, Listing
from server.adapters.store.reader import NOW, Reader
from server.kernel.ids import Kind, Urn, reference
from server.kernel.layer import Layer
from server.mesh.deletion.tables import DeletionRow
from server.mesh.lake.deletion_rules import unknown_deletion
from server.mesh.lake.facts import ErasedRows
from server.mesh.lake.state import DeletionStatus

__all__ = ["DeletionQueries", "DeletionRow", "erased_of", "of_lake"]


class DeletionQueries:
    """Reads of erasure requests."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def known(self, text: str, *, field: str = "deletion", position: int = NOW) -> DeletionRow:
        """The request that a URN or a bare id means. Raises: NotFound."""
        deletion = reference(Kind.DELETION, text, field=field)
        row = await self._reader.by_id(DeletionRow, deletion, position)
        if row is None:
            raise unknown_deletion(deletion)
        return row

    async def by_ids(self, asked: Sequence[At]) -> dict[At, DeletionRow]:
        """Requests by URN and position."""
        return await self._reader.by_ids(DeletionRow, asked)

    async def erased(self, lake: str, digest: str) -> Urn | None:
        """The newest completed request of a lake for the subject with this digest, or None."""
        rows = await self._reader.all(
            DeletionRow,
            col(DeletionRow.lake) == lake,
            col(DeletionRow.subject_digest) == digest,
            col(DeletionRow.ended) == DeletionStatus.COMPLETED.value,
            order=col(DeletionRow.position),
        )
        return Urn(rows[-1].id) if rows else None


def of_lake(status: DeletionStatus | None) -> Listing[DeletionRow]:
    """The requests of each lake, oldest first."""
    conditions = () if status is None else (col(DeletionRow.status) == status.value,)
    return Listing(
        table=DeletionRow,
        key="position",
        conditions=conditions,
        parts=() if status is None else (status.value,),
        parent="lake",
    )


def erased_of(row: DeletionRow) -> tuple[ErasedRows, ...]:
    """What the erasure took away, by batch and layer; nothing before it is completed."""
    return tuple(
        ErasedRows(batch=Urn(one["batch"]), layer=Layer(one["layer"]), rows=one["rows"]) for one in row.erased or ()
    )

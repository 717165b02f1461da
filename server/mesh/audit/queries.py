"""Typed reads of access records, each at a position of the log."""

from sqlmodel import col

from server.adapters.store.listing import Listing
from server.adapters.store.reader import Reader
from server.kernel.ids import Kind, urn
from server.mesh.audit.tables import AccessRecordRow

__all__ = ["AccessQueries", "AccessRecordRow", "access_log"]


class AccessQueries:
    """Reads of access records."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def at_position(self, position: int) -> AccessRecordRow:
        """The record that the event of this position made."""
        row = await self._reader.by_id(AccessRecordRow, urn(Kind.EVENT, str(position)))
        assert row is not None, "whoever asks has appended it"
        return row


def access_log(accessor: str | None = None, dataset: str | None = None) -> Listing[AccessRecordRow]:
    """The records of each lake, oldest first: of one accessor, of one dataset by URN, or all."""
    given = {"accessor": accessor, "dataset": dataset}
    conditions = [col(getattr(AccessRecordRow, name)) == value for name, value in given.items() if value is not None]
    return Listing(
        table=AccessRecordRow, key="position", parent="lake", conditions=tuple(conditions), parts=(accessor, dataset)
    )

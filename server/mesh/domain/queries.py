"""Typed reads of domains, each at a position of the log."""

from collections.abc import Sequence

from server.adapters.store.listing import At, Listing
from server.adapters.store.reader import NOW, Reader
from server.kernel.errors import NotFound
from server.kernel.ids import Kind, name_of, reference
from server.mesh.domain.tables import DomainRow

__all__ = ["DOMAINS", "DomainQueries", "DomainRow"]


class DomainQueries:
    """Reads of domains."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def find(self, text: str, position: int = NOW) -> DomainRow | None:
        """The domain that a URN or a name means."""
        return await self._reader.by_id(DomainRow, reference(Kind.DOMAIN, text, field="name"), position)

    async def known(self, text: str, *, field: str = "domain", position: int = NOW) -> DomainRow:
        """The domain that a URN or a name means. Raises: NotFound."""
        urn = reference(Kind.DOMAIN, text, field=field)
        row = await self._reader.by_id(DomainRow, urn, position)
        if row is None:
            raise NotFound(f"domain {name_of(urn)!r} is not known; create it with createDomain", field=field)
        return row

    async def by_ids(self, asked: Sequence[At]) -> dict[At, DomainRow]:
        """Domains by URN and position."""
        return await self._reader.by_ids(DomainRow, asked)


DOMAINS: Listing[DomainRow] = Listing(table=DomainRow, key="name")

"""Typed reads of contracts, each at a position of the log."""

from collections.abc import Iterable

from sqlmodel import col

from server.adapters.store.paging import Page, PageRequest
from server.adapters.store.reader import NOW, Reader
from server.kernel.errors import NotFound
from server.kernel.ids import Kind, name_of, reference
from server.mesh.contract.domain import Terms
from server.mesh.contract.projection import TERMS
from server.mesh.contract.tables import ContractRow

__all__ = ["ContractQueries", "ContractRow", "terms_of_row"]


class ContractQueries:
    """Reads of contracts."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def find(self, text: str, position: int = NOW) -> ContractRow | None:
        """The contract that a URN or an id means."""
        return await self._reader.by_id(ContractRow, reference(Kind.CONTRACT, text, field="id"), position)

    async def known(self, text: str, *, field: str = "contractId", position: int = NOW) -> ContractRow:
        """The contract that a URN or an id means. Raises: NotFound."""
        urn = reference(Kind.CONTRACT, text, field=field)
        row = await self._reader.by_id(ContractRow, urn, position)
        if row is None:
            raise NotFound(f"contract {name_of(urn)!r} is not known; create it with createContract", field=field)
        return row

    async def by_ids(self, ids: Iterable[str], position: int) -> dict[str, ContractRow]:
        """Contracts by URN."""
        return await self._reader.by_ids(ContractRow, ids, position)

    async def page(self, dataset: str | None, request: PageRequest, position: int) -> Page[ContractRow]:
        """Contracts by id, of one dataset or of all."""
        conditions = [] if dataset is None else [col(ContractRow.dataset) == dataset]
        return await self._reader.page(
            ContractRow, *conditions, key="contract_id", request=request, position=position, listing=[dataset]
        )


def terms_of_row(row: ContractRow) -> Terms:
    """The terms of a stored contract."""
    return TERMS.validate_python({name: getattr(row, name) for name in Terms.__dataclass_fields__})

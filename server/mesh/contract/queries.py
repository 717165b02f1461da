"""Typed reads of contracts, each at a position of the log."""

from collections.abc import Sequence

from sqlmodel import col

from server.adapters.store.listing import At, Listing
from server.adapters.store.reader import NOW, Reader
from server.kernel.errors import NotFound
from server.kernel.ids import Kind, Urn, name_of, reference
from server.mesh.contract.domain import ContractStatus, Terms
from server.mesh.contract.projection import TERMS
from server.mesh.contract.tables import ContractRow

__all__ = ["OF_DATASET", "ContractQueries", "ContractRow", "contracts", "terms_of_row"]


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

    async def at_version(self, contract: Urn, version: int) -> ContractRow:
        """A contract as it was at a version that it had."""
        row = await self._reader.ever(ContractRow, col(ContractRow.id) == contract, col(ContractRow.version) == version)
        assert row is not None, "versions stay in the read tables"
        return row

    async def active(self, dataset: str) -> Sequence[ContractRow]:
        """The contracts of a dataset under which batches may come now, by id."""
        return await self._reader.all(
            ContractRow,
            col(ContractRow.dataset) == dataset,
            col(ContractRow.status) == ContractStatus.ACTIVE.value,
            order=col(ContractRow.contract_id),
        )

    async def all_active(self) -> Sequence[ContractRow]:
        """The contracts of all datasets under which batches may come now, by id."""
        return await self._reader.all(
            ContractRow, col(ContractRow.status) == ContractStatus.ACTIVE.value, order=col(ContractRow.contract_id)
        )

    async def by_ids(self, asked: Sequence[At]) -> dict[At, ContractRow]:
        """Contracts by URN and position."""
        return await self._reader.by_ids(ContractRow, asked)


def contracts(dataset: str | None) -> Listing[ContractRow]:
    """Contracts by id, of one dataset or of all."""
    conditions = () if dataset is None else (col(ContractRow.dataset) == dataset,)
    return Listing(table=ContractRow, key="contract_id", conditions=conditions, parts=(dataset,))


OF_DATASET: Listing[ContractRow] = Listing(table=ContractRow, key="contract_id", parent="dataset")


def terms_of_row(row: ContractRow) -> Terms:
    """The terms of a stored contract."""
    return TERMS.validate_python({name: getattr(row, name) for name in Terms.__dataclass_fields__})

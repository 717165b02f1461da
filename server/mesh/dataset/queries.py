"""Typed reads of datasets, each at a position of the log."""

from collections.abc import Sequence

from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import col

from server.adapters.store.listing import At, Listing
from server.adapters.store.reader import NOW, Reader
from server.adapters.store.schema_column import fields_of
from server.kernel.errors import NotFound
from server.kernel.fields import Field
from server.kernel.ids import Kind, Urn, name_of, reference
from server.kernel.record import record
from server.mesh.dataset.tables import DatasetRow, SchemaVersionRow

__all__ = [
    "OF_DOMAIN",
    "OF_PRODUCT",
    "DatasetFilter",
    "DatasetQueries",
    "DatasetRow",
    "SchemaVersionRow",
    "datasets",
    "fields_of",
    "unknown_dataset",
]


@record
class DatasetFilter:
    """Which datasets are meant. `text` stands somewhere in the name, in any case; places are URNs."""

    contains_pii: bool | None = None
    text: str | None = None
    product: str | None = None
    domain: str | None = None
    lake: str | None = None


class DatasetQueries:
    """Reads of datasets."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def find(self, text: str, position: int = NOW) -> DatasetRow | None:
        """The dataset that a URN or a name means."""
        urn = reference(Kind.DATASET, text, field="name")
        return await self._reader.by_id(DatasetRow, urn, position)

    async def known(self, text: str, *, field: str = "dataset", position: int = NOW) -> DatasetRow:
        """The dataset that a URN or a name means. Raises: NotFound."""
        urn = reference(Kind.DATASET, text, field=field)
        return known_row(await self._reader.by_id(DatasetRow, urn, position), urn, field)

    async def of_product(self, product: str) -> Sequence[DatasetRow]:
        """The datasets that stand in a data product now, by name."""
        return await self._reader.all(DatasetRow, col(DatasetRow.product) == product, order=col(DatasetRow.name))

    async def by_ids(self, asked: Sequence[At]) -> dict[At, DatasetRow]:
        """Datasets by URN and position."""
        return await self._reader.by_ids(DatasetRow, asked)

    async def schema_histories(self, asked: Sequence[At]) -> dict[At, list[SchemaVersionRow]]:
        """The versions of each dataset's schema, oldest first."""
        return await self._reader.children(SchemaVersionRow, "dataset", "version", asked)

    async def fields_at(self, dataset: str, version: int) -> tuple[Field, ...]:
        """The columns of one version of the schema; every version is kept."""
        row = await self._reader.by_id(SchemaVersionRow, f"{dataset}#{version}")
        assert row is not None, "batches name versions that exist"
        return fields_of(row)


def datasets(only: DatasetFilter) -> Listing[DatasetRow]:
    """Datasets by name."""
    conditions: list[ColumnElement[bool]] = []
    if only.contains_pii is True:
        conditions.append(col(DatasetRow.contains_pii).is_(True))
    if only.contains_pii is False:
        conditions.append(col(DatasetRow.contains_pii).is_not(True))
    if only.text:
        conditions.append(col(DatasetRow.name).icontains(only.text, autoescape=True))
    if only.product is not None:
        conditions.append(col(DatasetRow.product) == only.product)
    if only.domain is not None:
        conditions.append(col(DatasetRow.domain) == only.domain)
    if only.lake is not None:
        conditions.append(col(DatasetRow.lake) == only.lake)
    parts = (only.contains_pii, only.text, only.product, only.domain, only.lake)
    return Listing(table=DatasetRow, key="name", conditions=tuple(conditions), parts=parts)


OF_PRODUCT: Listing[DatasetRow] = Listing(table=DatasetRow, key="name", parent="product")
OF_DOMAIN: Listing[DatasetRow] = Listing(table=DatasetRow, key="name", parent="domain")


def known_row(row: DatasetRow | None, urn: Urn, field: str) -> DatasetRow:
    """The row, if there is one. Raises: NotFound."""
    if row is None:
        raise unknown_dataset(urn, field=field)
    return row


def unknown_dataset(urn: Urn, *, field: str = "dataset") -> NotFound:
    """The refusal for a dataset that is not there."""
    return NotFound(f"dataset {name_of(urn)!r} is not known; register it with registerDataset", field=field)

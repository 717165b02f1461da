"""Typed reads of datasets, each at a position of the log."""

from collections.abc import Iterable, Sequence

from sqlalchemy import or_
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import col

from server.adapters.store.paging import Page, PageRequest
from server.adapters.store.reader import NOW, Reader
from server.kernel.errors import NotFound
from server.kernel.fields import Field
from server.kernel.ids import Kind, Urn, name_of, reference
from server.kernel.record import record
from server.mesh.dataset.projection import FIELDS
from server.mesh.dataset.tables import DatasetRow, SchemaVersionRow

__all__ = ["DatasetFilter", "DatasetQueries", "DatasetRow", "SchemaVersionRow", "fields_of"]


@record
class DatasetFilter:
    """Which datasets are meant. `text` stands somewhere in the name, in any case."""

    contains_pii: bool | None = None
    text: str | None = None


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

    async def by_ids(self, ids: Iterable[str], position: int) -> dict[str, DatasetRow]:
        """Datasets by URN."""
        return await self._reader.by_ids(DatasetRow, ids, position)

    async def page(self, only: DatasetFilter, request: PageRequest, position: int) -> Page[DatasetRow]:
        """Datasets by name."""
        conditions: list[ColumnElement[bool]] = []
        if only.contains_pii is True:
            conditions.append(col(DatasetRow.contains_pii).is_(True))
        if only.contains_pii is False:
            unsaid = col(DatasetRow.contains_pii).is_(None)
            conditions.append(or_(col(DatasetRow.contains_pii).is_(False), unsaid))
        if only.text:
            conditions.append(col(DatasetRow.name).icontains(only.text, autoescape=True))
        return await self._reader.page(
            DatasetRow,
            *conditions,
            key="name",
            request=request,
            position=position,
            listing=[only.contains_pii, only.text],
        )

    async def schema_history(self, dataset: str, position: int) -> Sequence[SchemaVersionRow]:
        """The versions of the dataset's schema, oldest first."""
        return await self._reader.all(
            SchemaVersionRow,
            col(SchemaVersionRow.dataset) == dataset,
            position=position,
            order=col(SchemaVersionRow.version),
        )

    async def fields_at(self, dataset: str, version: int) -> tuple[Field, ...]:
        """The columns of one version of the schema; every version is kept."""
        row = await self._reader.by_id(SchemaVersionRow, f"{dataset}#{version}")
        assert row is not None, "batches name versions that exist"
        return fields_of(row)


def known_row(row: DatasetRow | None, urn: Urn, field: str) -> DatasetRow:
    """The row, if there is one. Raises: NotFound."""
    if row is None:
        raise NotFound(f"dataset {name_of(urn)!r} is not known; register it with registerDataset", field=field)
    return row


def fields_of(row: DatasetRow | SchemaVersionRow) -> tuple[Field, ...]:
    """The columns of a stored schema."""
    return FIELDS.validate_python(row.fields)

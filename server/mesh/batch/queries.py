"""Typed reads of batches, their reports and the grants on them, each at a position of the log."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import false
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import col

from server.adapters.store.intervals import Interval
from server.adapters.store.paging import Page, PageRequest
from server.adapters.store.reader import NOW, Reader
from server.kernel.errors import NotFound
from server.kernel.ids import Kind, Urn, name_of, reference
from server.kernel.privacy import PrivacyRule
from server.kernel.quality import RuleResult
from server.kernel.record import record
from server.mesh.batch.projection import RESULTS, RULES
from server.mesh.batch.state import BatchStatus
from server.mesh.batch.tables import BatchRow, GrantRow, PrivacyReportRow, QualityReportRow

__all__ = ["BatchFilter", "BatchQueries", "BatchRow", "GrantRow", "PrivacyReportRow", "QualityReportRow"]

R = TypeVar("R", bound=Interval)


@record
class BatchFilter:
    """Which batches are meant: those that match everything given.

    `layer`: bronze, silver or gold. `none`: the parts exclude one another, so no batch is meant.
    """

    dataset: str | None = None
    contract: str | None = None
    status: BatchStatus | None = None
    layer: str | None = None
    appended_after: datetime | None = None
    appended_before: datetime | None = None
    none: bool = False


class BatchQueries:
    """Reads of batches."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def find(self, text: str, position: int = NOW) -> BatchRow | None:
        """The batch that a URN or an id means."""
        return await self._reader.by_id(BatchRow, reference(Kind.BATCH, text, field="id"), position)

    async def known(self, text: str, *, field: str = "batchId", position: int = NOW) -> BatchRow:
        """The batch that a URN or an id means. Raises: NotFound."""
        urn = reference(Kind.BATCH, text, field=field)
        row = await self._reader.by_id(BatchRow, urn, position)
        if row is None:
            raise NotFound(f"batch {name_of(urn)!r} is not known; append it with appendData", field=field)
        return row

    async def by_ids(self, ids: Iterable[str], position: int) -> dict[str, BatchRow]:
        """Batches by URN."""
        return await self._reader.by_ids(BatchRow, ids, position)

    async def of_dataset(self, dataset: str) -> Sequence[BatchRow]:
        """All batches of a dataset now, oldest first."""
        return await self._reader.all(BatchRow, col(BatchRow.dataset) == dataset, order=col(BatchRow.position))

    async def page(self, only: BatchFilter, request: PageRequest, position: int) -> Page[BatchRow]:
        """Batches in the order in which they were appended."""
        conditions: list[ColumnElement[bool]] = [false()] if only.none else []
        if only.dataset is not None:
            conditions.append(col(BatchRow.dataset) == only.dataset)
        if only.contract is not None:
            conditions.append(col(BatchRow.contract) == only.contract)
        if only.status is not None:
            conditions.append(col(BatchRow.status) == only.status)
        if only.layer is not None:
            conditions.append(col(getattr(BatchRow, only.layer)).is_not(None))
        if only.appended_after is not None:
            conditions.append(col(BatchRow.appended_at) > only.appended_after)
        if only.appended_before is not None:
            conditions.append(col(BatchRow.appended_at) < only.appended_before)
        listing = [
            only.dataset,
            only.contract,
            only.status,
            only.layer,
            only.appended_after,
            only.appended_before,
            only.none,
        ]
        return await self._reader.page(
            BatchRow, *conditions, key="position", request=request, position=position, listing=listing
        )

    async def quality_reports(self, batches: Iterable[str], position: int) -> dict[str, list[QualityReportRow]]:
        """The checks of each batch, oldest first."""
        found = col(QualityReportRow.batch).in_(ids := list(batches))
        rows = await self._reader.all(QualityReportRow, found, position=position, order=col(QualityReportRow.position))
        return {id: [row for row in rows if row.batch == id] for id in ids}

    async def privacy_reports(self, batches: Iterable[str], position: int) -> dict[str, list[PrivacyReportRow]]:
        """The anonymisations of each batch, oldest first."""
        found = col(PrivacyReportRow.batch).in_(ids := list(batches))
        rows = await self._reader.all(PrivacyReportRow, found, position=position, order=col(PrivacyReportRow.position))
        return {id: [row for row in rows if row.batch == id] for id in ids}

    async def grants(self, batches: Iterable[str], position: int) -> dict[str, list[GrantRow]]:
        """The grants on each batch, oldest first, ended ones among them."""
        found = col(GrantRow.batch).in_(ids := list(batches))
        rows = await self._reader.all(GrantRow, found, position=position, order=col(GrantRow.position))
        return {id: [row for row in rows if row.batch == id] for id in ids}

    async def grant(self, urn: Urn, position: int = NOW) -> GrantRow | None:
        """One grant."""
        return await self._reader.by_id(GrantRow, urn, position)

    async def grants_by_ids(self, ids: Iterable[str], position: int) -> dict[str, GrantRow]:
        """Grants by URN."""
        return await self._reader.by_ids(GrantRow, ids, position)

    async def known_grant(self, text: str, position: int = NOW) -> GrantRow:
        """The grant that a URN or an id means. Raises: NotFound."""
        urn = reference(Kind.GRANT, text, field="grant")
        row = await self.grant(urn, position)
        if row is None:
            raise NotFound(f"grant {name_of(urn)!r} is not known", field="grant")
        return row


def results_of(stored: Sequence[Mapping[str, Any]]) -> tuple[RuleResult, ...]:  # JSON records
    """The results of a stored check."""
    return RESULTS.validate_python(stored)


def rules_of(stored: Sequence[Mapping[str, Any]]) -> tuple[PrivacyRule, ...]:  # JSON records
    """The rules of a stored anonymisation."""
    return RULES.validate_python(stored)

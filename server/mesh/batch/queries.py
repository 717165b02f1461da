"""Typed reads of batches, their reports and the grants on them, each at a position of the log."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, Text, any_, literal
from sqlmodel import col

from server.adapters.store.listing import At, Listing
from server.adapters.store.reader import NOW, Reader
from server.kernel.errors import NotFound
from server.kernel.ids import Kind, Urn, name_of, reference
from server.kernel.privacy import PrivacyRule
from server.kernel.quality import RuleResult
from server.kernel.record import record
from server.mesh.batch.projection import RESULTS, RULES
from server.mesh.batch.state import BatchStatus
from server.mesh.batch.tables import BatchRow, GrantRow, PrivacyReportRow, QualityReportRow

__all__ = [
    "BatchAttempts",
    "BatchFilter",
    "BatchQueries",
    "BatchRow",
    "GrantRow",
    "PrivacyReportRow",
    "QualityReportRow",
    "batches",
    "results_of",
    "rules_of",
]


@record
class BatchFilter:
    """Which batches are meant: those that match everything given. `layer`: bronze, silver or gold."""

    dataset: str | None = None
    contract: str | None = None
    status: BatchStatus | None = None
    layer: str | None = None
    appended_after: datetime | None = None
    appended_before: datetime | None = None


class BatchAttempts(NamedTuple):
    """Whose files of a batch count, and what else finding its rows needs; each as in `BatchRow`."""

    id: str
    batch_id: str
    dataset: str
    revision: int
    schema_version: int
    status: str
    bronze: int | None
    silver: int | None
    gold: int | None
    row_count: int
    size_bytes: int


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

    async def by_ids(self, asked: Sequence[At]) -> dict[At, BatchRow]:
        """Batches by URN and position."""
        return await self._reader.by_ids(BatchRow, asked)

    async def of_dataset(self, dataset: str) -> Sequence[BatchRow]:
        """All batches of a dataset now, oldest first."""
        return await self._reader.all(BatchRow, col(BatchRow.dataset) == dataset, order=col(BatchRow.position))

    async def lasting(self, datasets: Sequence[str]) -> Sequence[BatchRow]:
        """The batches of these datasets that consumers may be granted now or later, oldest first."""
        if not datasets:
            return ()
        return await self._reader.all(
            BatchRow,
            col(BatchRow.dataset) == any_(literal(datasets, ARRAY(Text))),
            col(BatchRow.status) != BatchStatus.EXPIRED.value,
            order=col(BatchRow.position),
        )

    async def live_grants(self, batches: Sequence[str], instant: datetime) -> Sequence[GrantRow]:
        """The grants on these batches that have not ended by an instant, oldest first."""
        if not batches:
            return ()
        return await self._reader.all(
            GrantRow,
            col(GrantRow.batch) == any_(literal(batches, ARRAY(Text))),
            col(GrantRow.revoked_at).is_(None),
            col(GrantRow.expires_at) > instant,
            order=col(GrantRow.position),
        )

    async def of_datasets(self, asked: Sequence[At]) -> dict[At, list[BatchAttempts]]:
        """All batches of each dataset at its position, oldest first."""
        found = await self._reader.columns(BatchRow, BatchAttempts._fields, "dataset", "position", asked)
        return {at: [BatchAttempts(*row) for row in rows] for at, rows in found.items()}

    async def newest_changes(self, asked: Sequence[At]) -> dict[At, int]:
        """At which position the batches of each dataset changed last; those without batches are left out."""
        return await self._reader.newest(BatchRow, "dataset", asked)

    async def quality_reports(self, asked: Sequence[At]) -> dict[At, list[QualityReportRow]]:
        """The checks of each batch, oldest first."""
        return await self._reader.children(QualityReportRow, "batch", "position", asked)

    async def privacy_reports(self, asked: Sequence[At]) -> dict[At, list[PrivacyReportRow]]:
        """The anonymisations of each batch, oldest first."""
        return await self._reader.children(PrivacyReportRow, "batch", "position", asked)

    async def grants(self, asked: Sequence[At]) -> dict[At, list[GrantRow]]:
        """The grants on each batch, oldest first, ended ones among them."""
        return await self._reader.children(GrantRow, "batch", "position", asked)

    async def grants_by_ids(self, asked: Sequence[At]) -> dict[At, GrantRow]:
        """Grants by URN and position."""
        return await self._reader.by_ids(GrantRow, asked)

    async def grant(self, urn: Urn, position: int = NOW) -> GrantRow | None:
        """One grant."""
        return await self._reader.by_id(GrantRow, urn, position)

    async def known_grant(self, text: str, position: int = NOW) -> GrantRow:
        """The grant that a URN or an id means. Raises: NotFound."""
        urn = reference(Kind.GRANT, text, field="grant")
        row = await self.grant(urn, position)
        if row is None:
            raise NotFound(f"grant {name_of(urn)!r} is not known; give one with grantConsumption", field="grant")
        return row


def batches(only: BatchFilter, parent: str | None = None) -> Listing[BatchRow]:
    """Batches in the order in which they were appended. `parent`: dataset or contract, where each has its own."""
    equal = {
        "dataset": only.dataset,
        "contract": only.contract,
        "status": only.status,
    }
    conditions = [col(getattr(BatchRow, name)) == value for name, value in equal.items() if value is not None]
    if only.layer is not None:
        conditions.append(col(getattr(BatchRow, only.layer)).is_not(None))
    if only.appended_after is not None:
        conditions.append(col(BatchRow.appended_at) > only.appended_after)
    if only.appended_before is not None:
        conditions.append(col(BatchRow.appended_at) < only.appended_before)
    parts = (*equal.values(), only.layer, only.appended_after, only.appended_before)
    return Listing(table=BatchRow, key="position", conditions=tuple(conditions), parts=parts, parent=parent)


def results_of(stored: Sequence[Mapping[str, Any]]) -> tuple[RuleResult, ...]:  # JSON records
    """The results of a stored check."""
    return RESULTS.validate_python(stored)


def rules_of(stored: Sequence[Mapping[str, Any]]) -> tuple[PrivacyRule, ...]:  # JSON records
    """The rules of a stored anonymisation."""
    return RULES.validate_python(stored)

"""Read tables of batches, of their reports and of the grants on them."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Computed, DateTime, Index, Integer, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from server.adapters.store.intervals import Interval, current_index

# The same order as Batch.status in state.py; a test keeps both equal.
STATUS_SQL = """case
  when step = 'EXPIRED' then 'EXPIRED'
  when quarantine is not null then 'QUARANTINED'
  when gold is not null then 'PUBLISHED'
  when step = 'QUALITY_PASSED' and silver is not null then 'ANONYMIZED'
  else step end"""


class BatchRow(Interval, table=True):
    """A batch. `bronze`, `silver`, `gold` are the attempts whose files count; `quarantine` is {reason, by, at}.

    `raw` is the digest of the raw file where it is not the upload's any more. `expires_at` is null until the batch has
    expired: before that, its contract says when it will.
    """

    __tablename__ = "batch"  # pyright: ignore[reportAssignmentType]  # SQLModel takes the plain name
    __table_args__ = (
        current_index("batch"),
        Index("batch_by_dataset", "dataset", "valid_to"),
        Index("batch_by_contract", "contract", "valid_to"),
        Index("batch_by_position", "position", "valid_to"),
        Index("batch_since", "valid_from"),
    )

    batch_id: str = Field(sa_column=Column(Text, nullable=False))
    dataset: str = Field(sa_column=Column(Text, nullable=False))
    contract: str = Field(sa_column=Column(Text, nullable=False))
    revision: int = Field(sa_column=Column(Integer, nullable=False))
    contract_version: int = Field(sa_column=Column(Integer, nullable=False))
    schema_version: int = Field(sa_column=Column(Integer, nullable=False))
    file_url: str | None = Field(sa_column=Column(Text, nullable=True))
    checksum: str = Field(sa_column=Column(Text, nullable=False))
    raw: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    size_bytes: int = Field(sa_column=Column(BigInteger, nullable=False))
    row_count: int = Field(sa_column=Column(BigInteger, nullable=False))
    rejected_row_count: int = Field(sa_column=Column(BigInteger, nullable=False))
    step: str = Field(sa_column=Column(Text, nullable=False))
    bronze: int | None = Field(sa_column=Column(BigInteger, nullable=True))
    silver: int | None = Field(sa_column=Column(BigInteger, nullable=True))
    gold: int | None = Field(sa_column=Column(BigInteger, nullable=True))
    quarantine: dict[str, Any] | None = Field(sa_column=Column(JSONB(none_as_null=True), nullable=True))
    position: int = Field(sa_column=Column(BigInteger, nullable=False))
    appended_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    published_at: datetime | None = Field(sa_column=Column(DateTime(timezone=True), nullable=True))
    expires_at: datetime | None = Field(sa_column=Column(DateTime(timezone=True), nullable=True))
    status: str = Field(sa_column=Column(Text, Computed(STATUS_SQL, persisted=True), nullable=True))


class QualityReportRow(Interval, table=True):
    """One check of a batch. `id`: the batch's URN, '#', the event's position. `attempt` names the samples' file."""

    __tablename__ = "quality_report"  # pyright: ignore[reportAssignmentType]  # SQLModel takes the plain name
    __table_args__ = (current_index("quality_report"), Index("quality_report_by_batch", "batch", "position"))

    batch: str = Field(sa_column=Column(Text, nullable=False))
    position: int = Field(sa_column=Column(BigInteger, nullable=False))
    passed: bool = Field(sa_column=Column(Boolean, nullable=False))
    checked_rows: int = Field(sa_column=Column(BigInteger, nullable=False))
    results: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    attempt: int = Field(sa_column=Column(BigInteger, nullable=False))
    at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class PrivacyReportRow(Interval, table=True):
    """One anonymisation of a batch. `id`: the batch's URN, '#', the event's position."""

    __tablename__ = "privacy_report"  # pyright: ignore[reportAssignmentType]  # SQLModel takes the plain name
    __table_args__ = (current_index("privacy_report"), Index("privacy_report_by_batch", "batch", "position"))

    batch: str = Field(sa_column=Column(Text, nullable=False))
    position: int = Field(sa_column=Column(BigInteger, nullable=False))
    rules: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    rows: int = Field(sa_column=Column(BigInteger, nullable=False))
    changed_rows: int = Field(sa_column=Column(BigInteger, nullable=False))
    columns: list[str] = Field(sa_column=Column(JSONB, nullable=False))
    k_anonymity: int | None = Field(sa_column=Column(BigInteger, nullable=True))
    at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class GrantRow(Interval, table=True):
    """A consumer's leave to read a batch."""

    __tablename__ = "consumption_grant"  # pyright: ignore[reportAssignmentType]  # SQLModel takes the plain name
    __table_args__ = (
        current_index("consumption_grant"),
        Index("consumption_grant_by_batch", "batch", "valid_to"),
        Index("consumption_grant_since", "valid_from"),
    )

    batch: str = Field(sa_column=Column(Text, nullable=False))
    consumer: str = Field(sa_column=Column(Text, nullable=False))
    purpose: str | None = Field(sa_column=Column(Text, nullable=True))
    format: str = Field(sa_column=Column(Text, nullable=False))
    granted_by: str = Field(sa_column=Column(Text, nullable=False))
    granted_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    expires_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    revoked_at: datetime | None = Field(sa_column=Column(DateTime(timezone=True), nullable=True))
    position: int = Field(sa_column=Column(BigInteger, nullable=False))

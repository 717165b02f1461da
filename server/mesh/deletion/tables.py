"""The read table of erasure requests."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Computed, DateTime, Index, Integer, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from server.adapters.store.intervals import Interval, current_index
from server.kernel.recorded import FOREVER

# A hold hides whether the deadline has passed, and its end shows it again.
STATUS = "coalesce(ended, case when held then 'HELD' when overdue then 'OVERDUE' else 'PENDING' end)"


class DeletionRow(Interval, table=True):
    """An erasure request. `status` follows from `ended`, `held` and `overdue`; `warned`: days left of the last warning.

    `erased`: [{batch, layer, rows}]. The last five columns are null until it is completed.
    """

    __tablename__ = "gdpr_deletion"  # pyright: ignore[reportAssignmentType]  # SQLModel takes the plain name
    __table_args__ = (
        current_index("gdpr_deletion"),
        Index("gdpr_deletion_by_lake", "lake", "position"),
        Index(
            "gdpr_deletion_due",
            "deadline",
            postgresql_where=text(f"valid_to = {FOREVER} and ended is null and not held"),
        ),
    )

    lake: str = Field(sa_column=Column(Text, nullable=False))
    subject_digest: str = Field(sa_column=Column(Text, nullable=False))
    subject_encrypted: str = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    requested_by: str = Field(sa_column=Column(Text, nullable=False))
    requested_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    deadline: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    position: int = Field(sa_column=Column(BigInteger, nullable=False))
    held: bool = Field(sa_column=Column(Boolean, nullable=False))
    overdue: bool = Field(sa_column=Column(Boolean, nullable=False))
    warned: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    ended: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    status: str | None = Field(default=None, sa_column=Column(Text, Computed(STATUS, persisted=True), nullable=True))
    completed_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True), nullable=True))
    completed_position: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    erased: list[dict[str, Any]] | None = Field(default=None, sa_column=Column(JSONB, nullable=True))
    unreached: list[str] | None = Field(default=None, sa_column=Column(JSONB, nullable=True))
    objects_deleted: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))

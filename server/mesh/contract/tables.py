"""The read table of contracts."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, DateTime, Index, Integer, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from server.adapters.store.intervals import Interval, current_index
from server.adapters.store.search_column import UNMAPPED, searched


class ContractRow(Interval, table=True):
    """A contract with its current terms; rules are JSON records."""

    __tablename__ = "contract"  # pyright: ignore[reportAssignmentType]  # SQLModel takes the plain name
    __table_args__ = (
        current_index("contract"),
        Index("contract_by_name", "contract_id", "valid_to"),
        Index("contract_by_dataset", "dataset", "valid_to"),
        Index("contract_since", "valid_from"),
        *searched("contract", "contract_id", description="description"),
    )
    __mapper_args__ = UNMAPPED

    contract_id: str = Field(sa_column=Column(Text, nullable=False))
    dataset: str = Field(sa_column=Column(Text, nullable=False))
    revision: int = Field(sa_column=Column(Integer, nullable=False))
    version: int = Field(sa_column=Column(Integer, nullable=False))
    status: str = Field(sa_column=Column(Text, nullable=False))
    retention_days: int | None = Field(sa_column=Column(Integer, nullable=True))
    quality_rules: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    privacy_rules: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    on_bad_rows: str = Field(sa_column=Column(Text, nullable=False))
    freshness_minutes: int | None = Field(sa_column=Column(Integer, nullable=True))
    description: str = Field(sa_column=Column(Text, nullable=False))
    csv: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    defined_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))

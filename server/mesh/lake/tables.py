"""The read table of data lakes."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, DateTime, Index, Integer, Text
from sqlmodel import Field

from server.adapters.store.intervals import Interval, current_index
from server.adapters.store.search_column import UNMAPPED, searched


class LakeRow(Interval, table=True):
    """A data lake. `revision` leaves audited accesses out; `listed`: name and id, to be listed and found by."""

    __tablename__ = "lake"  # pyright: ignore[reportAssignmentType]  # SQLModel takes the plain name
    __table_args__ = (
        current_index("lake"),
        Index("lake_by_name", "listed", "valid_to"),
        *searched("lake", "listed", description="region", owner="owner"),
    )
    __mapper_args__ = UNMAPPED

    lake_id: str = Field(sa_column=Column(Text, nullable=False))
    name: str = Field(sa_column=Column(Text, nullable=False))
    listed: str = Field(sa_column=Column(Text, nullable=False))
    owner: str = Field(sa_column=Column(Text, nullable=False))
    region: str = Field(sa_column=Column(Text, nullable=False))
    compliance_level: str = Field(sa_column=Column(Text, nullable=False))
    revision: int = Field(sa_column=Column(Integer, nullable=False))
    position: int = Field(sa_column=Column(BigInteger, nullable=False))
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))

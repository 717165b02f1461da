"""The read table of access records."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, DateTime, Index, Text
from sqlmodel import Field

from server.adapters.store.intervals import Interval


class AccessRecordRow(Interval, table=True):
    """One read of data. `id`: the URN of its event. It never changes, so nothing looks for its current row by id."""

    __tablename__ = "access_record"  # pyright: ignore[reportAssignmentType]  # SQLModel takes the plain name
    __table_args__ = (
        Index("access_record_by_lake", "lake", "position"),
        Index("access_record_by_accessor", "lake", "accessor", "position"),
        Index("access_record_by_dataset", "lake", "dataset", "position"),
    )

    position: int = Field(sa_column=Column(BigInteger, nullable=False))
    lake: str | None = Field(sa_column=Column(Text, nullable=True))
    accessor: str = Field(sa_column=Column(Text, nullable=False))
    dataset: str = Field(sa_column=Column(Text, nullable=False))
    action: str = Field(sa_column=Column(Text, nullable=False))
    purpose: str = Field(sa_column=Column(Text, nullable=False))
    at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))

"""The read table of domains."""

from datetime import datetime

from sqlalchemy import Column, DateTime, Index, Integer, Text
from sqlmodel import Field

from server.adapters.store.intervals import Interval, current_index
from server.adapters.store.search_column import UNMAPPED, searched


class DomainRow(Interval, table=True):
    """A domain."""

    __tablename__ = "domain"  # pyright: ignore[reportAssignmentType]  # SQLModel takes the plain name
    __table_args__ = (
        current_index("domain"),
        Index("domain_by_name", "name", "valid_to"),
        *searched("domain", description="description", owner="owner"),
    )
    __mapper_args__ = UNMAPPED

    name: str = Field(sa_column=Column(Text, nullable=False))
    revision: int = Field(sa_column=Column(Integer, nullable=False))
    owner: str = Field(sa_column=Column(Text, nullable=False))
    description: str = Field(sa_column=Column(Text, nullable=False))
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    updated_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))

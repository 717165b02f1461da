"""The read table of data products."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Index, Integer, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from server.adapters.store.intervals import Interval, current_index
from server.adapters.store.search_column import UNMAPPED, searched
from server.kernel.recorded import FOREVER


class ProductRow(Interval, table=True):
    """A data product. `fields`: its columns as JSON records; `version` is semantic."""

    __tablename__ = "product"  # pyright: ignore[reportAssignmentType]  # SQLModel takes the plain name
    __table_args__ = (
        current_index("product"),
        Index("product_by_name", "name", "valid_to", "valid_from"),
        Index("product_by_domain", "domain", "valid_to"),
        Index("product_since", "valid_from"),
        Index("product_until", "valid_to", postgresql_where=text(f"valid_to < {FOREVER}")),
        *searched("product", tags="tags", description="description", owner="owner", fields="fields"),
    )
    __mapper_args__ = UNMAPPED

    name: str = Field(sa_column=Column(Text, nullable=False))
    domain: str = Field(sa_column=Column(Text, nullable=False))
    revision: int = Field(sa_column=Column(Integer, nullable=False))
    owner: str = Field(sa_column=Column(Text, nullable=False))
    description: str = Field(sa_column=Column(Text, nullable=False))
    fields: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    tags: list[str] = Field(sa_column=Column(JSONB, nullable=False))
    version: str = Field(sa_column=Column(Text, nullable=False))
    status: str = Field(sa_column=Column(Text, nullable=False))
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    updated_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    created_position: int = Field(sa_column=Column(BigInteger, nullable=False))
    updated_position: int = Field(sa_column=Column(BigInteger, nullable=False))

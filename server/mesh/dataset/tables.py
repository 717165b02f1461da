"""Read tables of datasets and of their schema versions."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Index, Integer, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from server.adapters.store.intervals import Interval, current_index
from server.adapters.store.search_column import UNMAPPED, searched


class DatasetRow(Interval, table=True):
    """A dataset. `fields`: the columns of its current schema, as JSON records; its places are URNs."""

    __tablename__ = "dataset"  # pyright: ignore[reportAssignmentType]  # SQLModel takes the plain name
    __table_args__ = (
        current_index("dataset"),
        Index("dataset_by_name", "name", "valid_to"),
        Index("dataset_since", "valid_from"),
        Index("dataset_by_product", "product", "valid_to"),
        Index("dataset_by_domain", "domain", "valid_to"),
        Index("dataset_by_lake", "lake", "valid_to"),
        *searched("dataset", fields="fields"),
    )
    __mapper_args__ = UNMAPPED

    name: str = Field(sa_column=Column(Text, nullable=False))
    revision: int = Field(sa_column=Column(Integer, nullable=False))
    fields: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    schema_version: int = Field(sa_column=Column(Integer, nullable=False))
    contains_pii: bool | None = Field(sa_column=Column(Boolean, nullable=True))
    encryption_enabled: bool = Field(sa_column=Column(Boolean, nullable=False))
    product: str | None = Field(sa_column=Column(Text, nullable=True))
    domain: str | None = Field(sa_column=Column(Text, nullable=True))
    lake: str | None = Field(sa_column=Column(Text, nullable=True))
    replay: str | None = Field(sa_column=Column(Text, nullable=True))
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    updated_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class SchemaVersionRow(Interval, table=True):
    """One version of a dataset's schema. `id`: the dataset's URN, '#', the version."""

    __tablename__ = "dataset_schema"  # pyright: ignore[reportAssignmentType]  # SQLModel takes the plain name
    __table_args__ = (current_index("dataset_schema"), Index("dataset_schema_by_dataset", "dataset", "version"))

    dataset: str = Field(sa_column=Column(Text, nullable=False))
    version: int = Field(sa_column=Column(Integer, nullable=False))
    fields: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    compatibility: str = Field(sa_column=Column(Text, nullable=False))
    position: int = Field(sa_column=Column(BigInteger, nullable=False))
    registered_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))

"""Tables of lineage: edges, external assets, and the numbers by which the graph in memory calls assets."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Float, Index, Integer, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from server.adapters.store.intervals import Interval, current_index
from server.adapters.store.search_column import UNMAPPED, searched
from server.kernel.recorded import FOREVER


class AssetRow(SQLModel, table=True):
    """The number of an asset: 0, 1, 2 … in the order in which edges mention assets first. Never changed or deleted."""

    __tablename__ = "lineage_asset"  # pyright: ignore[reportAssignmentType]  # SQLModel takes the plain name

    number: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    urn: str = Field(sa_column=Column(Text, nullable=False, unique=True))


class LineageRow(Interval, table=True):
    """An edge. `kind` counts through LineageType; `columns` are JSON records of ColumnLink.

    `position`: where it was registered first since it was removed last.
    """

    __tablename__ = "lineage_edge"  # pyright: ignore[reportAssignmentType]  # SQLModel takes the plain name
    __table_args__ = (
        current_index("lineage_edge"),
        Index("lineage_edge_by_source", "source", "valid_to"),
        Index("lineage_edge_by_target", "target", "valid_to"),
        Index("lineage_edge_by_position", "position", "valid_to"),
        Index("lineage_edge_since", "valid_from"),
        Index("lineage_edge_until", "valid_to", postgresql_where=text(f"valid_to < {FOREVER}")),
    )

    source: str = Field(sa_column=Column(Text, nullable=False))
    target: str = Field(sa_column=Column(Text, nullable=False))
    source_number: int = Field(sa_column=Column(Integer, nullable=False, info={"number_of": "source"}))
    target_number: int = Field(sa_column=Column(Integer, nullable=False, info={"number_of": "target"}))
    kind: int = Field(sa_column=Column(SmallInteger, nullable=False))
    confidence: float = Field(sa_column=Column(Float, nullable=False))
    transformation: str = Field(sa_column=Column(Text, nullable=False))
    # SQLModel keeps the name `metadata` for itself
    details: dict[str, Any] = Field(sa_column=Column("metadata", JSONB, nullable=False))
    columns: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    columns_unknown: str | None = Field(sa_column=Column(Text, nullable=True))
    closes_loop: bool = Field(sa_column=Column(Boolean, nullable=False))
    position: int = Field(sa_column=Column(BigInteger, nullable=False))
    registered_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class ExternalRow(Interval, table=True):
    """An external asset. `folded` is equal for names that differ only by case or Unicode form."""

    __tablename__ = "external_asset"  # pyright: ignore[reportAssignmentType]  # SQLModel takes the plain name
    __table_args__ = (
        current_index("external_asset"),
        Index("external_asset_folded", "folded", unique=True, postgresql_where=text(f"valid_to = {FOREVER}")),
        *searched("external_asset", owner="namespace"),
    )
    __mapper_args__ = UNMAPPED

    namespace: str = Field(sa_column=Column(Text, nullable=False))
    name: str = Field(sa_column=Column(Text, nullable=False))
    kind: str = Field(sa_column=Column(Text, nullable=False))
    folded: str = Field(sa_column=Column(Text, nullable=False))
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))

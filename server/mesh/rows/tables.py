"""The table of compacted files: copies for reading, no projection of the log."""

from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, Column, DateTime, Index, Integer, Text, text
from sqlmodel import Field, SQLModel


class CompactFileRow(SQLModel, table=True):
    """A copy of the files of many batches in one layer. `number` names its file.

    `batches` (bare ids), `attempts` and `rows` go together, one of each for every copied file. `generation` counts
    how often its oldest rows were copied. A file that is retired serves nobody new and is removed a little later.
    """

    __tablename__ = "compact_file"  # pyright: ignore[reportAssignmentType]  # SQLModel takes the plain name
    __table_args__ = (Index("compact_file_by_dataset", "dataset", "layer"),)

    number: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    dataset: str = Field(sa_column=Column(Text, nullable=False))
    layer: str = Field(sa_column=Column(Text, nullable=False))
    generation: int = Field(sa_column=Column(Integer, nullable=False))
    batches: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    attempts: list[int] = Field(sa_column=Column(ARRAY(BigInteger), nullable=False))
    rows: list[int] = Field(sa_column=Column(ARRAY(BigInteger), nullable=False))
    size_bytes: int = Field(sa_column=Column(BigInteger, nullable=False))
    created_at: datetime = Field(
        sa_column=Column(DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()"))
    )
    retired_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True), nullable=True))

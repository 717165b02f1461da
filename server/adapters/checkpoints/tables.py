"""The table of checkpoints: what the graph lists. It is not made from the log, and the file counts, not the table."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, DateTime, LargeBinary, Text
from sqlmodel import Field, SQLModel


class CheckpointRow(SQLModel, table=True):
    """A checkpoint as its line in the file says; `hash` as bytes."""

    __tablename__ = "checkpoint"  # pyright: ignore[reportAssignmentType]  # SQLModel takes the plain name

    position: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    signature: str = Field(sa_column=Column(Text, nullable=False))
    public_key: str = Field(sa_column=Column(Text, nullable=False))

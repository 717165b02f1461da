"""The tables of the log: events, its head, the commands that were answered, snapshots."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, DateTime, Index, Integer, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class EventRow(SQLModel, table=True):
    """One event, never changed and never deleted. `meta`: actor, correlation_id, about, shape."""

    __tablename__ = "events"  # pyright: ignore[reportAssignmentType]  # SQLModel takes the plain name
    __table_args__ = (
        Index("events_stream_version", text("lower(stream)"), "version", unique=True),
        Index("events_recorded_at", "recorded_at", "position"),
        Index("events_type", "type", "position"),
        Index("events_about", text("(meta -> 'about')"), postgresql_using="gin"),
    )

    position: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    stream: str = Field(sa_column=Column(Text, nullable=False))
    version: int = Field(sa_column=Column(Integer, nullable=False))
    type: str = Field(sa_column=Column(Text, nullable=False))
    data: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    meta: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    recorded_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class EventHead(SQLModel, table=True):
    """The one row that every append locks first: the last position, its time and its hash."""

    __tablename__ = "event_head"  # pyright: ignore[reportAssignmentType]  # SQLModel takes the plain name
    __table_args__ = (CheckConstraint("id", name="event_head_is_one_row"),)

    id: bool = Field(sa_column=Column(Boolean, primary_key=True, server_default=text("true")))
    position: int = Field(sa_column=Column(BigInteger, nullable=False))
    recorded_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class CommandRow(SQLModel, table=True):
    """A command that was answered: the keyed digest of its input and the positions of its events, never content."""

    __tablename__ = "commands"  # pyright: ignore[reportAssignmentType]  # SQLModel takes the plain name
    __table_args__ = (Index("commands_at", "at"),)

    key: str = Field(sa_column=Column(Text, primary_key=True))
    input: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    first: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    last: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class SnapshotRow(SQLModel, table=True):
    """A stream's state at a version: a cache that may be deleted. `shape` is the fingerprint of the state's fields.

    `digest`: SHA-256 of the rest of the row, so that what was changed by mishap is not believed.
    """

    __tablename__ = "snapshots"  # pyright: ignore[reportAssignmentType]  # SQLModel takes the plain name

    stream: str = Field(sa_column=Column(Text, primary_key=True))
    version: int = Field(sa_column=Column(Integer, nullable=False))
    shape: str = Field(sa_column=Column(Text, nullable=False))
    state: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))

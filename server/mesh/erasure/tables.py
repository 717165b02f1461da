"""Tables of the erasure's own work; no projections of the log."""

from sqlalchemy import BigInteger, Column, LargeBinary, Text
from sqlmodel import Field, SQLModel


class ErasedObjectRow(SQLModel, table=True):
    """An object that an erasure under way has removed, or is about to. `object`: SHA-256 of its key."""

    __tablename__ = "erased_object"  # pyright: ignore[reportAssignmentType]  # SQLModel takes the plain name

    deletion: str = Field(sa_column=Column(Text, primary_key=True))
    object: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))


class SubjectWatchRow(SQLModel, table=True):
    """Up to which position of the log arrivals were looked at for subjects; one row, whose `name` is 'arrivals'."""

    __tablename__ = "subject_watch"  # pyright: ignore[reportAssignmentType]  # SQLModel takes the plain name

    name: str = Field(sa_column=Column(Text, primary_key=True))
    position: int = Field(sa_column=Column(BigInteger, nullable=False))

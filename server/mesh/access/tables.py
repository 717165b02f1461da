"""The table of credentials: plain, for a key's use is no event of the mesh."""

from datetime import datetime

from sqlalchemy import Column, DateTime, LargeBinary, Text, text
from sqlmodel import Field, SQLModel


class CredentialRow(SQLModel, table=True):
    """A key that opens the server. `hash`: SHA-256 of the key; the key itself is kept nowhere."""

    __tablename__ = "credential"  # pyright: ignore[reportAssignmentType]  # SQLModel takes the plain name

    name: str = Field(sa_column=Column(Text, primary_key=True))
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at: datetime = Field(
        sa_column=Column(DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()"))
    )

"""The table of runs; the queue's own tables come from `queue_schema`."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Float, Index, Integer, LargeBinary, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

UNFINISHED = "status in ('QUEUED', 'RUNNING')"
BATCH_TAKEN = "process_run_batch_taken"
REPLAY_TAKEN = "process_run_replay_taken"


class ProcessRunRow(SQLModel, table=True):
    """One run. `job_id` is its job in the queue; null while another run of its dataset goes first."""

    __tablename__ = "process_run"  # pyright: ignore[reportAssignmentType]  # SQLModel takes the plain name
    __table_args__ = (
        Index("process_run_command_key", "command_key", unique=True),
        Index(
            BATCH_TAKEN,
            text("lower(batch_id)"),
            unique=True,
            postgresql_where=text(f"kind = 'APPEND' and {UNFINISHED}"),
        ),
        Index(REPLAY_TAKEN, "dataset", unique=True, postgresql_where=text(f"kind = 'REPLAY' and {UNFINISHED}")),
        Index("process_run_job", "job_id", unique=True, postgresql_where=text(UNFINISHED)),
        Index("process_run_unfinished", "dataset", "created_at", "id", postgresql_where=text(UNFINISHED)),
        Index("process_run_created_at", "created_at", "id"),
        Index("process_run_dataset", "dataset", "created_at", "id"),
        Index("process_run_batch", text("lower(batch_id)"), "created_at", "id"),
    )

    id: uuid.UUID = Field(sa_column=Column(Uuid, primary_key=True))
    kind: str = Field(sa_column=Column(Text, nullable=False))
    status: str = Field(sa_column=Column(Text, nullable=False))
    dataset: str | None = Field(default=None, sa_column=Column(Text))
    batch_id: str | None = Field(default=None, sa_column=Column(Text))
    actor: str = Field(sa_column=Column(Text, nullable=False))
    correlation_id: str = Field(sa_column=Column(Text, nullable=False))
    command_key: str | None = Field(default=None, sa_column=Column(Text))
    input_digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    payload: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))  # each handler's own JSON
    progress: float = Field(sa_column=Column(Float(53), nullable=False, server_default=text("0")))
    rows_done: int = Field(sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    error: str | None = Field(default=None, sa_column=Column(Text))
    error_code: str | None = Field(default=None, sa_column=Column(Text))
    error_field: str | None = Field(default=None, sa_column=Column(Text))
    error_details: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB))  # `Refused.details`
    first_position: int | None = Field(default=None, sa_column=Column(BigInteger))
    last_position: int | None = Field(default=None, sa_column=Column(BigInteger))
    created_at: datetime = Field(
        sa_column=Column(DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()"))
    )
    started_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    finished_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    attempt_of_run: int = Field(sa_column=Column(Integer, nullable=False, server_default=text("0")))
    job_id: int | None = Field(default=None, sa_column=Column(BigInteger))

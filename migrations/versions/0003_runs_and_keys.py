"""Runs with their queue, and the keys that open the server."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from server.adapters.runs import queue_schema

revision = "0003"
down_revision = "0002"

INSTANT = sa.DateTime(timezone=True)
UNFINISHED = sa.text("status in ('QUEUED', 'RUNNING')")


def upgrade() -> None:
    """Create the tables of runs and keys, and the queue's own."""
    op.create_table(
        "credential",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", INSTANT, server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "process_run",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=True),
        sa.Column("batch_id", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("correlation_id", sa.Text(), nullable=False),
        sa.Column("command_key", sa.Text(), nullable=True),
        sa.Column("input_digest", sa.LargeBinary(), nullable=False),
        sa.Column("payload", JSONB(), nullable=False),
        sa.Column("progress", sa.Float(precision=53), server_default=sa.text("0"), nullable=False),
        sa.Column("rows_done", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_field", sa.Text(), nullable=True),
        sa.Column("error_details", JSONB(), nullable=True),
        sa.Column("first_position", sa.BigInteger(), nullable=True),
        sa.Column("last_position", sa.BigInteger(), nullable=True),
        sa.Column("created_at", INSTANT, server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("started_at", INSTANT, nullable=True),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.Column("attempt_of_run", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "process_run_batch", "process_run", [sa.literal_column("lower(batch_id)"), "created_at", "id"], unique=False
    )
    op.create_index(
        "process_run_batch_taken",
        "process_run",
        [sa.literal_column("lower(batch_id)")],
        unique=True,
        postgresql_where=sa.text("kind = 'APPEND' and status in ('QUEUED', 'RUNNING')"),
    )
    op.create_index("process_run_command_key", "process_run", ["command_key"], unique=True)
    op.create_index("process_run_created_at", "process_run", ["created_at", "id"], unique=False)
    op.create_index("process_run_dataset", "process_run", ["dataset", "created_at", "id"], unique=False)
    op.create_index("process_run_job", "process_run", ["job_id"], unique=True, postgresql_where=UNFINISHED)
    op.create_index(
        "process_run_unfinished",
        "process_run",
        ["dataset", "created_at", "id"],
        unique=False,
        postgresql_where=UNFINISHED,
    )
    for statement in queue_schema():  # of the pinned pgqueuer
        op.execute(statement)


def downgrade() -> None:
    """Drop them; runs under way are lost, what they recorded stays."""
    for table in ("process_run", "credential", "pgqueuer", "pgqueuer_log", "pgqueuer_statistics", "pgqueuer_schedules"):
        op.execute(f"drop table if exists {table} cascade")
    op.execute("drop function if exists fn_pgqueuer_changed cascade")
    op.execute("drop type if exists pgqueuer_status cascade")

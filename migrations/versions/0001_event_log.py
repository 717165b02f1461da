"""The event log: events, their head, answered commands, snapshots, and the functions that guard them."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None

INSTANT = sa.DateTime(timezone=True)

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    """Create the log, empty, with its head at position 0."""
    _log()
    _caches()
    for name in ("event_hash", "independent_versions", "append_together", "append_many", "events_are_final"):
        op.execute((SQL / f"{name}.sql").read_text())
    op.execute(
        "create trigger events_are_final before update or delete or truncate on events"
        " for each statement execute function events_are_final()"
    )
    op.execute(
        "insert into event_head (position, recorded_at, hash) values (0, 'epoch', decode(repeat('00', 32), 'hex'))"
    )
    op.execute("create sequence attempt")


def _log() -> None:
    op.create_table(
        "event_head",
        sa.Column("id", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("id", name="event_head_is_one_row"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "events",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("data", JSONB(), nullable=False),
        sa.Column("meta", JSONB(), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index(
        "events_about",
        "events",
        [sa.literal_column("(meta -> 'about')")],
        unique=False,
        postgresql_using="gin",
    )
    op.create_index("events_recorded_at", "events", ["recorded_at", "position"], unique=False)
    op.create_index("events_stream_version", "events", [sa.literal_column("lower(stream)"), "version"], unique=True)
    op.create_index("events_type", "events", ["type", "position"], unique=False)


def _caches() -> None:
    op.create_table(
        "commands",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("input", sa.LargeBinary(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=True),
        sa.Column("last", sa.BigInteger(), nullable=True),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("commands_at", "commands", ["at"], unique=False)
    op.create_table(
        "snapshots",
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("shape", sa.Text(), nullable=False),
        sa.Column("state", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("stream"),
    )


def downgrade() -> None:
    """Drop the log."""
    for function in ("append_many", "append_together", "independent_versions"):
        op.execute(f"drop function {function}")
    op.execute("drop sequence attempt")
    for table in ("commands", "event_head", "events", "snapshots"):
        op.drop_table(table)
    op.execute("drop function event_hash")
    op.execute("drop function events_are_final")

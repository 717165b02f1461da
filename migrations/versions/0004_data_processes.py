"""What the data processes need: how a contract's files are written, how a batch came, when it went."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"

STATUS_BEFORE = """case
  when quarantine is not null then 'QUARANTINED'
  when gold is not null then 'PUBLISHED'
  when step = 'QUALITY_PASSED' and silver is not null then 'ANONYMIZED'
  else step end"""
STATUS = STATUS_BEFORE.replace("case\n", "case\n  when step = 'EXPIRED' then 'EXPIRED'\n")
# What contracts meant before they could say how CSV is written.
PLAIN_CSV = '{"encoding": "utf-8", "delimiter": null, "null_values": [], "decimal_separator": "."}'
# A second replay of a dataset waits behind the first and has no job yet.
END_SECOND_REPLAYS = """
update process_run later set status = 'FAILED', finished_at = clock_timestamp(), error_code = 'PRECONDITION_FAILED',
       error = 'another replay of the dataset was under way; ask for a new one'
 where kind = 'REPLAY' and status = 'QUEUED' and job_id is null and exists (
   select from process_run other
    where other.kind = 'REPLAY' and other.dataset = later.dataset and other.status in ('QUEUED', 'RUNNING')
      and (other.created_at, other.id) < (later.created_at, later.id))"""


def upgrade() -> None:
    """Add the columns and tables."""
    op.add_column("privacy_report", sa.Column("k_anonymity", sa.BigInteger(), nullable=True))
    op.add_column("contract", sa.Column("csv", postgresql.JSONB(), server_default=PLAIN_CSV, nullable=False))
    op.alter_column("contract", "csv", server_default=None)
    op.create_table(
        "compact_file",
        sa.Column("number", sa.BigInteger(), autoincrement=False, primary_key=True),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("layer", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("batches", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("attempts", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("rows", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_index("compact_file_by_dataset", "compact_file", ["dataset", "layer"])
    op.add_column("batch", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    _status(STATUS)
    op.execute(END_SECOND_REPLAYS)
    op.create_index(
        "process_run_replay_taken",
        "process_run",
        ["dataset"],
        unique=True,
        postgresql_where=sa.text("kind = 'REPLAY' and status in ('QUEUED', 'RUNNING')"),
    )


def _status(expression: str) -> None:
    """Compute a batch's status in another way: a generated column is made anew."""
    op.drop_column("batch", "status")
    op.add_column("batch", sa.Column("status", sa.Text(), sa.Computed(expression, persisted=True), nullable=True))


def downgrade() -> None:
    """Take them away."""
    op.drop_index("process_run_replay_taken", table_name="process_run")
    _status(STATUS_BEFORE)
    op.drop_column("batch", "expires_at")
    op.drop_table("compact_file")
    op.drop_column("contract", "csv")
    op.drop_column("privacy_report", "k_anonymity")

"""Read tables of datasets, contracts, batches, their reports and grants."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"

INSTANT = sa.DateTime(timezone=True)
NOW = sa.text("valid_to = 9223372036854775807")
STATUS = """case
  when quarantine is not null then 'QUARANTINED'
  when gold is not null then 'PUBLISHED'
  when step = 'QUALITY_PASSED' and silver is not null then 'ANONYMIZED'
  else step end"""


def upgrade() -> None:
    """Create the read tables, empty: `lakemesh rebuild` fills them from the log."""
    _datasets()
    _contracts()
    _batches()
    _reports()


def _datasets() -> None:
    op.create_table(
        "dataset",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("valid_to", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("fields", JSONB(), nullable=False),
        sa.Column("schema_version", sa.Integer(), nullable=False),
        sa.Column("contains_pii", sa.Boolean(), nullable=True),
        sa.Column("encryption_enabled", sa.Boolean(), nullable=False),
        sa.Column("replay", sa.Text(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", "valid_from"),
    )
    op.create_index("dataset_by_name", "dataset", ["name", "valid_to"], unique=False)
    op.create_index("dataset_now", "dataset", ["id"], unique=True, postgresql_where=NOW)
    op.create_table(
        "dataset_schema",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("valid_to", sa.BigInteger(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("fields", JSONB(), nullable=False),
        sa.Column("compatibility", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("registered_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", "valid_from"),
    )
    op.create_index("dataset_schema_by_dataset", "dataset_schema", ["dataset", "version"], unique=False)
    op.create_index("dataset_schema_now", "dataset_schema", ["id"], unique=True, postgresql_where=NOW)


def _contracts() -> None:
    op.create_table(
        "contract",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("valid_to", sa.BigInteger(), nullable=False),
        sa.Column("contract_id", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("retention_days", sa.Integer(), nullable=True),
        sa.Column("quality_rules", JSONB(), nullable=False),
        sa.Column("privacy_rules", JSONB(), nullable=False),
        sa.Column("on_bad_rows", sa.Text(), nullable=False),
        sa.Column("freshness_minutes", sa.Integer(), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("defined_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", "valid_from"),
    )
    op.create_index("contract_by_dataset", "contract", ["dataset", "valid_to"], unique=False)
    op.create_index("contract_by_name", "contract", ["contract_id", "valid_to"], unique=False)
    op.create_index("contract_now", "contract", ["id"], unique=True, postgresql_where=NOW)


def _batches() -> None:
    op.create_table(
        "batch",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("valid_to", sa.BigInteger(), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("contract_version", sa.Integer(), nullable=False),
        sa.Column("schema_version", sa.Integer(), nullable=False),
        sa.Column("file_url", sa.Text(), nullable=True),
        sa.Column("checksum", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("rejected_row_count", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("bronze", sa.BigInteger(), nullable=True),
        sa.Column("silver", sa.BigInteger(), nullable=True),
        sa.Column("gold", sa.BigInteger(), nullable=True),
        sa.Column("quarantine", JSONB(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("appended_at", INSTANT, nullable=False),
        sa.Column("published_at", INSTANT, nullable=True),
        sa.Column("status", sa.Text(), sa.Computed(STATUS, persisted=True), nullable=True),
        sa.PrimaryKeyConstraint("id", "valid_from"),
    )
    op.create_index("batch_by_contract", "batch", ["contract", "valid_to"], unique=False)
    op.create_index("batch_by_dataset", "batch", ["dataset", "valid_to"], unique=False)
    op.create_index("batch_by_position", "batch", ["position", "valid_to"], unique=False)
    op.create_index("batch_now", "batch", ["id"], unique=True, postgresql_where=NOW)
    op.create_table(
        "consumption_grant",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("valid_to", sa.BigInteger(), nullable=False),
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=True),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("granted_by", sa.Text(), nullable=False),
        sa.Column("granted_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", "valid_from"),
    )
    op.create_index("consumption_grant_by_batch", "consumption_grant", ["batch", "valid_to"], unique=False)
    op.create_index("consumption_grant_now", "consumption_grant", ["id"], unique=True, postgresql_where=NOW)


def _reports() -> None:
    op.create_table(
        "privacy_report",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("valid_to", sa.BigInteger(), nullable=False),
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("rules", JSONB(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("changed_rows", sa.BigInteger(), nullable=False),
        sa.Column("columns", JSONB(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", "valid_from"),
    )
    op.create_index("privacy_report_by_batch", "privacy_report", ["batch", "position"], unique=False)
    op.create_index("privacy_report_now", "privacy_report", ["id"], unique=True, postgresql_where=NOW)
    op.create_table(
        "quality_report",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("valid_to", sa.BigInteger(), nullable=False),
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("checked_rows", sa.BigInteger(), nullable=False),
        sa.Column("results", JSONB(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", "valid_from"),
    )
    op.create_index("quality_report_by_batch", "quality_report", ["batch", "position"], unique=False)
    op.create_index("quality_report_now", "quality_report", ["id"], unique=True, postgresql_where=NOW)


def downgrade() -> None:
    """Drop the read tables; the log has all that they hold."""
    for table in (
        "batch",
        "consumption_grant",
        "contract",
        "dataset",
        "dataset_schema",
        "privacy_report",
        "quality_report",
    ):
        op.drop_table(table)

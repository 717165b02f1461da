"""Compliance: lakes, deletions, erased batches, the audit of access, checkpoints."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

revision = "0006"
down_revision = "0005"

SQL = Path(__file__).parent.parent / "sql"
FOREVER = 9_223_372_036_854_775_807
INSTANT = sa.DateTime(timezone=True)
LAKE_DOCUMENT = "search_document(listed, null, region, owner, null)"


def upgrade() -> None:
    """Add the columns and tables."""
    _lakes()
    _checks_beside_audits()
    _access_records()
    _deletions()
    _erased_batches()
    _whole_snapshots()
    _compared_positions()
    _checkpoints()


def downgrade() -> None:
    """Take them away."""
    op.drop_table("checkpoint")
    _checks_of_versions()
    _no_lakes()
    op.drop_table("access_record")
    op.drop_table("gdpr_deletion")
    _no_erased_batches()
    op.drop_column("snapshots", "digest")
    _no_compared_positions()


def _erased_batches() -> None:
    """The raw file that counts where it is not the upload any more; what erasures keep of their own work."""
    op.add_column("batch", sa.Column("raw", sa.Text, nullable=True))
    op.create_table(
        "erased_object",
        sa.Column("deletion", sa.Text(), primary_key=True),
        sa.Column("object", sa.LargeBinary(), primary_key=True),
    )
    op.create_table(
        "subject_watch",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
    )


def _no_erased_batches() -> None:
    op.drop_table("subject_watch")
    op.drop_table("erased_object")
    op.drop_column("batch", "raw")


def _whole_snapshots() -> None:
    """A digest of each snapshot: those that have none are made again."""
    op.execute("delete from snapshots")
    op.add_column("snapshots", sa.Column("digest", sa.LargeBinary(), nullable=False))


def _checkpoints() -> None:
    """What was signed of the log's head; not made from the log."""
    op.create_table(
        "checkpoint",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )


def _access_records() -> None:
    op.create_table(
        "access_record",
        *_interval(),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("lake", sa.Text(), nullable=True),
        sa.Column("accessor", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
    )
    op.create_index("access_record_by_lake", "access_record", ["lake", "position"])
    op.create_index("access_record_by_accessor", "access_record", ["lake", "accessor", "position"])
    op.create_index("access_record_by_dataset", "access_record", ["lake", "dataset", "position"])


def _deletions() -> None:
    status = "coalesce(ended, case when held then 'HELD' when overdue then 'OVERDUE' else 'PENDING' end)"
    op.create_table(
        "gdpr_deletion",
        *_interval(),
        sa.Column("lake", sa.Text(), nullable=False),
        sa.Column("subject_digest", sa.Text(), nullable=False),
        sa.Column("subject_encrypted", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_at", INSTANT, nullable=False),
        sa.Column("deadline", INSTANT, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("overdue", sa.Boolean(), nullable=False),
        sa.Column("warned", sa.Integer(), nullable=True),
        sa.Column("ended", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), sa.Computed(status, persisted=True), nullable=True),
        sa.Column("completed_at", INSTANT, nullable=True),
        sa.Column("completed_position", sa.BigInteger(), nullable=True),
        sa.Column("erased", JSONB(), nullable=True),
        sa.Column("unreached", JSONB(), nullable=True),
        sa.Column("objects_deleted", sa.BigInteger(), nullable=True),
    )
    op.create_index(
        "gdpr_deletion_now",
        "gdpr_deletion",
        ["id"],
        unique=True,
        postgresql_where=sa.text(f"valid_to = {FOREVER}"),
    )
    op.create_index("gdpr_deletion_by_lake", "gdpr_deletion", ["lake", "position"])
    op.create_index(
        "gdpr_deletion_due",
        "gdpr_deletion",
        ["deadline"],
        postgresql_where=sa.text(f"valid_to = {FOREVER} and ended is null and not held"),
    )


def _interval() -> tuple[sa.Column[str], sa.Column[int], sa.Column[int]]:
    return (
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("valid_from", sa.BigInteger(), autoincrement=False, primary_key=True),
        sa.Column("valid_to", sa.BigInteger(), nullable=False),
    )


def _lakes() -> None:
    """Data lakes, and the lake that a dataset is in."""
    op.create_table(
        "lake",
        *_interval(),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("lake_id", "name", "listed", "owner", "region")),
        sa.Column("compliance_level", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("search", TSVECTOR(), _while_it_stands(LAKE_DOCUMENT, "tsvector"), nullable=True),
        sa.Column(
            "search_name", sa.Text(collation="C"), _while_it_stands("search_fold(listed)", "text"), nullable=True
        ),
    )
    standing = sa.text(f"valid_to = {FOREVER}")
    op.create_index("lake_now", "lake", ["id"], unique=True, postgresql_where=standing)
    op.create_index("lake_by_name", "lake", ["listed", "valid_to"])
    op.create_index(
        "lake_search",
        "lake",
        ["search"],
        postgresql_using="gin",
        postgresql_where=standing,
        postgresql_with={"gin_pending_list_limit": 512},
    )
    op.create_index("lake_search_name", "lake", ["search_name", "id"], postgresql_where=standing)
    op.add_column("dataset", sa.Column("lake", sa.Text(), nullable=True))
    op.create_index("dataset_by_lake", "dataset", ["lake", "valid_to"])


def _while_it_stands(expression: str, of: str) -> sa.Computed:
    return sa.Computed(f"case when valid_to = {FOREVER} then {expression} else null::{of} end", persisted=True)


def _no_lakes() -> None:
    op.drop_column("dataset", "lake")
    op.drop_table("lake")


def _checks_beside_audits() -> None:
    """Checks of streams that overlook audited accesses, and checks that nothing was said of a thing meanwhile."""
    op.execute("drop function append_many")
    op.execute((SQL / "append_many_6.sql").read_text())


def _checks_of_versions() -> None:
    op.execute("drop function append_many")
    op.execute((SQL / "append_many.sql").read_text())


COMPARED = ("product", "dataset", "contract", "batch", "consumption_grant")


def _compared_positions() -> None:
    """What began or ended between two positions, and products of the past by name, without reading the others."""
    for table in COMPARED:
        op.create_index(f"{table}_since", table, ["valid_from"])
    op.create_index("product_until", "product", ["valid_to"], postgresql_where=sa.text(f"valid_to < {FOREVER}"))
    op.drop_index("product_by_name", "product")
    op.create_index("product_by_name", "product", ["name", "valid_to", "valid_from"])


def _no_compared_positions() -> None:
    op.drop_index("product_by_name", "product")
    op.create_index("product_by_name", "product", ["name", "valid_to"])
    op.drop_index("product_until", "product")
    for table in COMPARED:
        op.drop_index(f"{table}_since", table)

"""The mesh: domains, data products, lineage and search."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

revision = "0005"
down_revision = "0004"

SQL = Path(__file__).parent.parent / "sql"
FOREVER = 9_223_372_036_854_775_807
INSTANT = sa.DateTime(timezone=True)

SEARCH = ("search_fold", "search_split", "search_words", "search_document", "search_query")
# The column that holds the name; tags, description, owner and fields.
SEARCHED = {
    "dataset": ("name", "null, null, null, fields"),
    "contract": ("contract_id", "null, description, null, null"),
    "domain": ("name", "null, description, owner, null"),
    "product": ("name", "tags, description, owner, fields"),
    "external_asset": ("name", "null, null, namespace, null"),
}


def upgrade() -> None:
    """Add the columns and tables."""
    _domains()
    _products()
    _lineage()
    _search()


def _domains() -> None:
    op.create_table(
        "domain",
        *_interval(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
    )
    _now("domain")
    op.create_index("domain_by_name", "domain", ["name", "valid_to"])


def _products() -> None:
    op.create_table(
        "product",
        *_interval(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("fields", JSONB(), nullable=False),
        sa.Column("tags", JSONB(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("created_position", sa.BigInteger(), nullable=False),
        sa.Column("updated_position", sa.BigInteger(), nullable=False),
    )
    _now("product")
    op.create_index("product_by_name", "product", ["name", "valid_to"])
    op.create_index("product_by_domain", "product", ["domain", "valid_to"])
    for place in ("product", "domain"):
        op.add_column("dataset", sa.Column(place, sa.Text(), nullable=True))
        op.create_index(f"dataset_by_{place}", "dataset", [place, "valid_to"])


def _lineage() -> None:
    op.create_table(
        "lineage_asset",
        sa.Column("number", sa.Integer(), autoincrement=False, primary_key=True),
        sa.Column("urn", sa.Text(), nullable=False, unique=True),
    )
    op.execute((SQL / "asset_number.sql").read_text())
    op.create_table(
        "lineage_edge",
        *_interval(),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("source_number", sa.Integer(), nullable=False),
        sa.Column("target_number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("transformation", sa.Text(), nullable=False),
        sa.Column("metadata", JSONB(), nullable=False),
        sa.Column("columns", JSONB(), nullable=False),
        sa.Column("columns_unknown", sa.Text(), nullable=True),
        sa.Column("closes_loop", sa.Boolean(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("registered_at", INSTANT, nullable=False),
    )
    _now("lineage_edge")
    for end in ("source", "target", "position"):
        op.create_index(f"lineage_edge_by_{end}", "lineage_edge", [end, "valid_to"])
    op.create_index("lineage_edge_since", "lineage_edge", ["valid_from"])
    op.create_index(
        "lineage_edge_until", "lineage_edge", ["valid_to"], postgresql_where=sa.text(f"valid_to < {FOREVER}")
    )
    _external_assets()


def _external_assets() -> None:
    op.create_table(
        "external_asset",
        *_interval(),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
    )
    _now("external_asset")
    _now("external_asset", "folded")


def _search() -> None:
    for function in SEARCH:
        op.execute((SQL / f"{function}.sql").read_text())
    for table, (name, parts) in SEARCHED.items():
        document = _while_it_stands(f"search_document({name}, {parts})", "tsvector")
        op.add_column(table, sa.Column("search", TSVECTOR(), document, nullable=True))
        folded = _while_it_stands(f"search_fold({name})", "text")
        op.add_column(table, sa.Column("search_name", sa.Text(collation="C"), folded, nullable=True))
        standing = sa.text(f"valid_to = {FOREVER}")
        op.create_index(
            f"{table}_search",
            table,
            ["search"],
            postgresql_using="gin",
            postgresql_where=standing,
            postgresql_with={"gin_pending_list_limit": 512},
        )
        op.create_index(f"{table}_search_name", table, ["search_name", "id"], postgresql_where=standing)


def _while_it_stands(expression: str, of: str) -> sa.Computed:
    return sa.Computed(f"case when valid_to = {FOREVER} then {expression} else null::{of} end", persisted=True)


def _no_search() -> None:
    for table in SEARCHED:
        op.drop_column(table, "search")
        op.drop_column(table, "search_name")
    for function in reversed(SEARCH):
        op.execute(f"drop function {function}")


def _interval() -> tuple[sa.Column[str], sa.Column[int], sa.Column[int]]:
    return (
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("valid_from", sa.BigInteger(), autoincrement=False, primary_key=True),
        sa.Column("valid_to", sa.BigInteger(), nullable=False),
    )


def _now(table: str, column: str = "id") -> None:
    """One current row for each value of the column."""
    name = f"{table}_now" if column == "id" else f"{table}_{column}"
    op.create_index(name, table, [column], unique=True, postgresql_where=sa.text(f"valid_to = {FOREVER}"))


def downgrade() -> None:
    """Take them away again."""
    _no_search()
    for place in ("product", "domain"):
        op.drop_column("dataset", place)
    for table in ("product", "domain"):
        op.drop_table(table)
    for table in ("external_asset", "lineage_edge", "lineage_asset"):
        op.drop_table(table)
    op.execute("drop function asset_number")

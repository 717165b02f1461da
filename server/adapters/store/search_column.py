"""What search looks through: computed columns of a read table, which only current rows fill, and their indexes.

The SQL functions behind them stand in migrations/sql.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Column, Computed, Index, Text, text
from sqlalchemy.dialects.postgresql import TSVECTOR

from server.kernel.recorded import FOREVER

DOCUMENT, NAME = "search", "search_name"
UNMAPPED: Mapping[str, Any] = {"exclude_properties": [DOCUMENT, NAME]}  # for __mapper_args__: rows are read without
PENDING = {"gin_pending_list_limit": 512}  # KiB that wait to be sorted in: no append sorts more than that
ABSENT = {"tags": "null::jsonb", "description": "null::text", "owner": "null::text", "fields": "null::jsonb"}


def searched(table: str, name: str = "name", **parts: str) -> tuple[Column[Any], Column[Any], Index, Index]:
    """The columns and the indexes of a table. `parts`: the columns of what it has of ABSENT."""
    given = ", ".join([name, *(parts.get(part, absent) for part, absent in ABSENT.items())])
    standing = text(f"valid_to = {FOREVER}")
    return (
        Column(DOCUMENT, TSVECTOR, _while_it_stands(f"search_document({given})", "tsvector"), nullable=True),
        Column(NAME, Text(collation="C"), _while_it_stands(f"search_fold({name})", "text"), nullable=True),
        Index(f"{table}_search", DOCUMENT, postgresql_using="gin", postgresql_where=standing, postgresql_with=PENDING),
        Index(f"{table}_search_name", NAME, "id", postgresql_where=standing),
    )


def _while_it_stands(expression: str, of: str) -> Computed:
    """The expression for current rows, as Postgres prints it: a row that has ended is not searched."""
    return Computed(f"case when valid_to = '{FOREVER}'::bigint then {expression} else null::{of} end", persisted=True)

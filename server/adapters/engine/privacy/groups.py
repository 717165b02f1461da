"""k-anonymity: how many rows share what could still be matched with what somebody knows of a person."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from server.adapters.engine.batch_table import ROW_ID, batch_table, rows_of
from server.kernel.columns import named_column
from server.kernel.fields import Field
from server.kernel.privacy import PrivacyRule, PrivacyStrategy, privacy_schema


def quasi_identifiers(fields: Sequence[Field], rules: Sequence[PrivacyRule]) -> tuple[str, ...]:
    """The columns that are made coarser, and the personal ones that stay as they are, in the order of `fields`."""
    strategies = {named_column(rule.column, fields).name: rule.strategy for rule in rules}

    def open_to_matching(field: Field) -> bool:
        strategy = strategies.get(field.name, PrivacyStrategy.KEEP)
        return strategy is PrivacyStrategy.GENERALIZE or (field.is_personal and strategy is PrivacyStrategy.KEEP)

    return tuple(field.name for field in fields if open_to_matching(field))


def k_anonymity(
    cursor: duckdb.DuckDBPyConnection, silver: Path, fields: Sequence[Field], rules: Sequence[PrivacyRule]
) -> int | None:
    """Rows of the smallest group with equal quasi-identifiers, nulls equal to each other; None without any."""
    columns = quasi_identifiers(fields, rules)
    if not columns:
        return None
    groups = (
        batch_table(privacy_schema(fields, rules)).group_by(columns).aggregate(**{ROW_ID: lambda table: table.count()})
    )
    smallest = rows_of(cursor, silver, groups.aggregate(smallest=groups[ROW_ID].min()))[0][0]
    return None if smallest is None else int(smallest)

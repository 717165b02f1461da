"""A rehearsal of privacy rules: the whole batch is rewritten, measured and thrown away."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from server.adapters.engine.batch_table import ROW_ID, batch_table, rows_of
from server.adapters.engine.privacy.anonymize import transform
from server.adapters.engine.privacy.groups import k_anonymity, quasi_identifiers
from server.adapters.engine.privacy.keys import PrivacyKeys
from server.adapters.engine.privacy.proof import changed_ids
from server.adapters.engine.privacy.warnings import warnings
from server.adapters.engine.quality.samples import shown
from server.adapters.engine.steps import Steps
from server.kernel.fields import Field
from server.kernel.privacy import PrivacyRule, privacy_schema
from server.kernel.record import record


@record
class Preview:
    """What rules would do. `before` and `after` hold the same rows in the same order, as JSON with `_id`.

    `k_anonymity`: the rows of the smallest group that the quasi-identifiers make; None where there are none.
    """

    rows: int
    changed_rows: int
    columns: tuple[str, ...]
    warnings: tuple[str, ...]
    before: tuple[Mapping[str, Any], ...]
    after: tuple[Mapping[str, Any], ...]
    quasi_identifiers: tuple[str, ...]
    k_anonymity: int | None


def preview(
    cursor: duckdb.DuckDBPyConnection,
    bronze: Path,
    target: Path,
    fields: Sequence[Field],
    rules: Sequence[PrivacyRule],
    keys: PrivacyKeys,
    sample_rows: int,
) -> Preview:
    """What `anonymize` would do with these rules. Samples are the first rows that change, then others.

    `target` is used for a while and is gone at the end. Raises: BadUserInput, when a rule does not fit the fields.
    """
    try:
        ruled, changes = transform(cursor, bronze, target, fields, rules, keys, Steps())
        smallest = k_anonymity(cursor, target, fields, rules)
        ids = changed_ids(cursor, bronze, target, ruled, sample_rows) if sample_rows else []
        return Preview(
            rows=changes.rows,
            changed_rows=changes.changed_rows,
            columns=tuple(field.name for field, _ in ruled),
            warnings=warnings(cursor, target, fields, rules, ruled, changes, smallest),
            before=_rows(cursor, bronze, fields, ids),
            after=_rows(cursor, target, privacy_schema(fields, rules), ids),
            quasi_identifiers=quasi_identifiers(fields, rules),
            k_anonymity=smallest,
        )
    finally:
        target.unlink(missing_ok=True)


def _rows(
    cursor: duckdb.DuckDBPyConnection, parquet: Path, fields: Sequence[Field], ids: Sequence[str]
) -> tuple[Mapping[str, Any], ...]:
    if not ids:
        return ()
    names = [ROW_ID, *(field.name for field in fields)]
    table = batch_table(fields)
    found = rows_of(cursor, parquet, table.filter(table[ROW_ID].isin(list(ids))).select(*names))
    return tuple(dict(zip(names, map(shown, row), strict=True)) for row in sorted(found, key=lambda row: row[0]))

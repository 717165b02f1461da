"""What the privacy rules really changed: silver read back and held against bronze, row by row."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import duckdb

from server.adapters.engine.batch_table import ROW_ID, Expression, ibis_type, quoted
from server.adapters.engine.on_demand import ibis
from server.kernel.fields import DataType, Field, TypeName, parse_type
from server.kernel.privacy import PrivacyRule, masked_type
from server.kernel.record import record

Ruled: TypeAlias = Sequence[tuple[Field, PrivacyRule]]
"""The rules other than KEEP, by their fields."""


@record
class Changes:
    """Counts of rows. `met` (a value that is neither null nor empty) and `changed` stand in the order of the rules."""

    rows: int
    displaced: int
    changed_rows: int
    met: tuple[int, ...]
    changed: tuple[int, ...]


def count_changes(cursor: duckdb.DuckDBPyConnection, bronze: Path, silver: Path, ruled: Ruled) -> Changes:
    """Compare the ruled columns of both files; rows of one number belong together."""
    ((rows, displaced, changed_rows, *others),) = _over_pair(
        cursor, bronze, silver, ruled, _counts(_pair(ruled), ruled)
    )
    return Changes(
        rows=int(rows),
        displaced=int(displaced),
        changed_rows=int(changed_rows),
        met=tuple(map(int, others[0::2])),
        changed=tuple(map(int, others[1::2])),
    )


def changed_ids(
    cursor: duckdb.DuckDBPyConnection, bronze: Path, silver: Path, ruled: Ruled, most: int
) -> Sequence[str]:
    """The ids of the first rows that differ, filled up with the first that do not."""
    pair = _pair(ruled)
    differs = ibis().or_(*_differences(pair, ruled)) if ruled else ibis().literal(value=False)
    chosen = pair.select(id=pair.before_id, differs=differs).order_by([ibis().desc("differs"), "id"]).limit(most)
    return [str(row[0]) for row in _over_pair(cursor, bronze, silver, ruled, chosen)]


def _pair(ruled: Ruled) -> Expression:
    """The table of both files side by side: `before_n` and `after_n` for the nth rule."""
    types = {"before_id": "string", "after_id": "string"}
    for index, (field, rule) in enumerate(ruled):
        became = masked_type(field, rule)
        types |= {f"before_{index}": ibis_type(field.data_type)}
        types |= {f"after_{index}": ibis_type(parse_type(became)) if became else "string"}
    return ibis().table(types, name="pair")


def _over_pair(
    cursor: duckdb.DuckDBPyConnection, bronze: Path, silver: Path, ruled: Ruled, expression: Expression
) -> list[tuple[Any, ...]]:  # whatever types the columns have
    pairs = [f"a.{quoted(ROW_ID)} as before_id", f"b.{quoted(ROW_ID)} as after_id"]
    for index, (field, rule) in enumerate(ruled):
        after = f"b.{quoted(field.name)}" if masked_type(field, rule) else "null::varchar"
        pairs += [f"a.{quoted(field.name)} as before_{index}", f"{after} as after_{index}"]
    compiled = ibis().to_sql(expression, dialect="duckdb")
    # both sides are bare scans: DuckDB walks them side by side and keeps neither in memory
    both = "read_parquet($source) a positional join read_parquet($target) b"
    return cursor.execute(
        f"with pair as not materialized (select {', '.join(pairs)} from {both}) {compiled}",  # noqa: S608
        {"source": str(bronze), "target": str(silver)},
    ).fetchall()


def text_of(column: Expression, kind: DataType) -> Expression:
    """The canonical text of a value: what is masked and hashed.

    Decimals carry all digits of their scale, times are UTC with six digits of a second: `2024-01-31T12:00:00.000000Z`.
    """
    match kind.name:
        case TypeName.STRING | TypeName.JSON:
            return column
        case TypeName.DATETIME:
            return column.strftime("%Y-%m-%d") + "T" + column.strftime("%H:%M:%S.%f") + "Z"
        case _:
            return column.cast("string")


def _differences(pair: Expression, ruled: Ruled) -> list[Expression]:
    """For each rule whether a row differs by it."""
    differs: list[Expression] = []
    for index, (field, rule) in enumerate(ruled):
        became = masked_type(field, rule) or TypeName.STRING
        before = text_of(pair[f"before_{index}"], field.data_type)
        differs.append(~before.identical_to(text_of(pair[f"after_{index}"], parse_type(became))))
    return differs


def _counts(pair: Expression, ruled: Ruled) -> Expression:
    differs = _differences(pair, ruled)
    counts: dict[str, Expression] = {}
    for index, (field, _) in enumerate(ruled):
        before = text_of(pair[f"before_{index}"], field.data_type)
        counts |= {f"met_{index}": pair.count(where=before != ""), f"changed_{index}": pair.count(where=differs[index])}
    return pair.aggregate(
        rows=pair.count(),
        displaced=pair.count(where=~pair.before_id.identical_to(pair.after_id)),
        changed_rows=pair.count(where=ibis().or_(*differs)) if differs else ibis().literal(0),
        **counts,
    )

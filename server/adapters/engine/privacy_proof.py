"""What the privacy rules really changed: silver read back and held against bronze, row by row."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from server.adapters.engine.batch_table import ROW_ID, Expression, ibis_type, quoted
from server.adapters.engine.on_demand import ibis
from server.kernel.fields import DataType, Field, TypeName, parse_type
from server.kernel.privacy import PrivacyRule, masked_type
from server.kernel.record import record


@record
class Changes:
    """Counts of rows. `met` (a value that is neither null nor empty) and `changed` stand in the order of the rules."""

    rows: int
    displaced: int
    changed_rows: int
    met: tuple[int, ...]
    changed: tuple[int, ...]


def count_changes(
    cursor: duckdb.DuckDBPyConnection, bronze: Path, silver: Path, ruled: Sequence[tuple[Field, PrivacyRule]]
) -> Changes:
    """Compare the ruled columns of both files; rows of one number belong together."""
    pairs = [f"a.{quoted(ROW_ID)} as before_id", f"b.{quoted(ROW_ID)} as after_id"]
    types = {"before_id": "string", "after_id": "string"}
    for index, (field, rule) in enumerate(ruled):
        became = masked_type(field, rule.strategy)
        pairs.append(f"a.{quoted(field.name)} as before_{index}")
        pairs.append(f"{f'b.{quoted(field.name)}' if became else 'null::varchar'} as after_{index}")
        types |= {f"before_{index}": ibis_type(field.data_type)}
        types |= {f"after_{index}": ibis_type(parse_type(became)) if became else "string"}
    compiled = ibis().to_sql(_differences(ibis().table(types, name="pair"), ruled), dialect="duckdb")
    # both sides are bare scans: DuckDB walks them side by side and keeps neither in memory
    both = "read_parquet($source) a positional join read_parquet($target) b"
    counted = cursor.execute(
        f"with pair as not materialized (select {', '.join(pairs)} from {both}) {compiled}",  # noqa: S608
        {"source": str(bronze), "target": str(silver)},
    ).fetchall()[0]
    rows, displaced, changed_rows, *others = map(int, counted)
    return Changes(
        rows=rows,
        displaced=displaced,
        changed_rows=changed_rows,
        met=tuple(others[0::2]),
        changed=tuple(others[1::2]),
    )


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


def _differences(pair: Expression, ruled: Sequence[tuple[Field, PrivacyRule]]) -> Expression:
    differs: list[Expression] = []
    counts: dict[str, Expression] = {}
    for index, (field, rule) in enumerate(ruled):
        became = masked_type(field, rule.strategy)
        before = text_of(pair[f"before_{index}"], field.data_type)
        after = text_of(pair[f"after_{index}"], parse_type(became or TypeName.STRING))
        differs.append(~before.identical_to(after))
        counts[f"met_{index}"] = pair.count(where=before != "")
        counts[f"changed_{index}"] = pair.count(where=differs[-1])
    return pair.aggregate(
        rows=pair.count(),
        displaced=pair.count(where=~pair.before_id.identical_to(pair.after_id)),
        changed_rows=pair.count(where=ibis().or_(*differs)) if differs else ibis().literal(0),
        **counts,
    )

"""From bronze to silver: each column as its privacy rule wants it, and the proof that the rules did something."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import assert_never
from uuid import uuid4

import duckdb
from duckdb.func import FunctionNullHandling, PythonUDFType

from server.adapters.engine.batch_table import SYSTEM_TYPES, Expression, batch_table, write_parquet
from server.adapters.engine.on_demand import ibis
from server.adapters.engine.privacy_columns import ColumnFunction, mask_column, token_column
from server.adapters.engine.privacy_proof import count_changes, text_of
from server.kernel.columns import named_column
from server.kernel.errors import InvalidData
from server.kernel.fields import Field
from server.kernel.privacy import PrivacyRule, PrivacyStrategy, check_privacy, keep_last
from server.kernel.record import record


@record
class AnonymizeOutcome:
    """What was done. `changed_rows` differ in at least one cell; `columns` have a rule other than KEEP."""

    rows: int
    changed_rows: int
    columns: tuple[str, ...]


def anonymize(
    cursor: duckdb.DuckDBPyConnection,
    bronze: Path,
    target: Path,
    fields: Sequence[Field],
    rules: Sequence[PrivacyRule],
    key: bytes,
) -> AnonymizeOutcome:
    """Write silver to `target`: the rows of `bronze` in their order, its fields become `privacy_schema`.

    `key` has 32 bytes and never reaches SQL. Where this refuses or fails, `target` is gone.
    Raises: BadUserInput, when a rule does not fit the fields; InvalidData, when a rule met values and changed none.
    """
    check_privacy(rules, fields)
    ruled = [(named_column(rule.column, fields), rule) for rule in rules if rule.strategy is not PrivacyStrategy.KEEP]
    try:
        rows = _write(cursor, bronze, target, fields, ruled, key)
        changes = count_changes(cursor, bronze, target, ruled)
        if changes.rows != rows or changes.displaced:
            raise RuntimeError(f"silver holds {rows} rows, of which {changes.displaced} are not where bronze has them")
        for (field, rule), met, changed in zip(ruled, changes.met, changes.changed, strict=True):
            if met and not changed:
                raise InvalidData(
                    f"{rule.strategy} met values in column {field.name!r} and changed none of them: they are masked"
                    " already or hold nothing to hide; say KEEP, REDACT or DROP for it instead",
                    field="rules",
                )
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return AnonymizeOutcome(
        rows=rows, changed_rows=changes.changed_rows, columns=tuple(field.name for field, _ in ruled)
    )


def _write(
    cursor: duckdb.DuckDBPyConnection,
    bronze: Path,
    target: Path,
    fields: Sequence[Field],
    ruled: Sequence[tuple[Field, PrivacyRule]],
    key: bytes,
) -> int:
    table = batch_table(fields)
    rules = {field.name: rule for field, rule in ruled}
    with ExitStack() as registered:
        cells: dict[str, Expression] = {name: table[name] for name in SYSTEM_TYPES}
        for field in fields:
            cell = _cell(cursor, registered, table[field.name], field, rules.get(field.name), key)
            if cell is not None:
                cells[field.name] = cell
        return write_parquet(cursor, bronze, target, table.select(**cells))


def _cell(
    cursor: duckdb.DuckDBPyConnection,
    registered: ExitStack,
    column: Expression,
    field: Field,
    rule: PrivacyRule | None,
    key: bytes,
) -> Expression | None:
    if rule is None:
        return column
    match rule.strategy:
        case PrivacyStrategy.MASK:
            return _called(cursor, registered, mask_column(keep_last(rule)), text_of(column, field.data_type))
        case PrivacyStrategy.HASH:
            return _called(cursor, registered, token_column(key), text_of(column, field.data_type))
        case PrivacyStrategy.REDACT:
            return ibis().null(column.type())
        case PrivacyStrategy.DROP:
            return None
        case PrivacyStrategy.KEEP:
            return column
        case _:
            assert_never(rule.strategy)


def _called(
    cursor: duckdb.DuckDBPyConnection, registered: ExitStack, function: ColumnFunction, text: Expression
) -> Expression:
    """The function applied inside DuckDB, under a name of its own until `registered` closes."""
    name = f"column_{uuid4().hex}"
    cursor.create_function(
        name,
        function,
        ["VARCHAR"],
        "VARCHAR",
        type=PythonUDFType.ARROW,
        null_handling=FunctionNullHandling.SPECIAL,
    )
    registered.callback(cursor.remove_function, name)
    named = ibis().udf.scalar.builtin(name=name, signature=((str,), str))
    return named(lambda text: text)(text)

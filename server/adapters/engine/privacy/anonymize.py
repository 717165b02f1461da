"""From bronze to silver: each column as its privacy rule wants it, and the proof that the rules did something."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, assert_never
from uuid import uuid4

import duckdb
from duckdb.func import FunctionNullHandling, PythonUDFType

from server.adapters.engine.batch_table import ROW_ID, SYSTEM_TYPES, Expression, batch_table, write_parquet
from server.adapters.engine.on_demand import ibis
from server.adapters.engine.privacy.columns import ColumnFunction, mask_column, pseudonym_column, token_column
from server.adapters.engine.privacy.generalize import generalized
from server.adapters.engine.privacy.groups import k_anonymity
from server.adapters.engine.privacy.keys import PrivacyKeys
from server.adapters.engine.privacy.noise import noisy, offset_column
from server.adapters.engine.privacy.proof import Changes, Ruled, count_changes, text_of
from server.adapters.engine.steps import Steps
from server.kernel.columns import named_column
from server.kernel.errors import InvalidData
from server.kernel.fields import DataType, Field
from server.kernel.privacy import PrivacyRule, PrivacyStrategy, check_privacy
from server.kernel.privacy_params import generalization, keep_last, noise, normalizes
from server.kernel.record import record

WRITING, PROVING = 0.75, 0.15  # of the work; what is left is the count of like rows


@record
class AnonymizeOutcome:
    """What was done. `changed_rows` differ in at least one cell; `columns` have a rule other than KEEP.

    `k_anonymity`: the rows of the smallest group that the quasi-identifiers make; None where there are none.
    """

    rows: int
    changed_rows: int
    columns: tuple[str, ...]
    k_anonymity: int | None


def anonymize(
    cursor: duckdb.DuckDBPyConnection,
    bronze: Path,
    target: Path,
    fields: Sequence[Field],
    rules: Sequence[PrivacyRule],
    keys: PrivacyKeys,
    *,
    steps: Steps | None = None,
) -> AnonymizeOutcome:
    """Write silver to `target`: the rows of `bronze` in their order, its fields become `privacy_schema`.

    No key reaches SQL. Where this refuses or fails, `target` is gone.
    Raises: BadUserInput, when a rule does not fit the fields; InvalidData, when a rule met values and changed none.
    """
    try:
        steps = steps or Steps()
        ruled, changes = transform(cursor, bronze, target, fields, rules, keys, steps)
        for (field, rule), met, changed in zip(ruled, changes.met, changes.changed, strict=True):
            if met and not changed:
                raise InvalidData(
                    f"{rule.strategy} met values in column {field.name!r} and changed none of them: they are masked"
                    " already or hold nothing to hide; say KEEP, REDACT or DROP for it instead",
                    field="rules",
                )
        steps.to(1.0)
        smallest = k_anonymity(cursor, target, fields, rules)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return AnonymizeOutcome(
        rows=changes.rows,
        changed_rows=changes.changed_rows,
        columns=tuple(field.name for field, _ in ruled),
        k_anonymity=smallest,
    )


def transform(
    cursor: duckdb.DuckDBPyConnection,
    bronze: Path,
    target: Path,
    fields: Sequence[Field],
    rules: Sequence[PrivacyRule],
    keys: PrivacyKeys,
    steps: Steps,
) -> tuple[Ruled, Changes]:
    """Write the rows with the rules applied; the rules other than KEEP by their fields, and what they changed.

    Raises: BadUserInput.
    """
    check_privacy(rules, fields)
    ruled = [(named_column(rule.column, fields), rule) for rule in rules if rule.strategy is not PrivacyStrategy.KEEP]
    with ExitStack() as registered:
        cells = _Cells(cursor, registered, batch_table(fields), keys)
        steps.to(WRITING)
        rows = write_parquet(cursor, bronze, target, cells.selected(fields, ruled))
    steps.to(WRITING + PROVING)
    changes = count_changes(cursor, bronze, target, ruled)
    if changes.rows != rows or changes.displaced:
        raise RuntimeError(f"silver holds {rows} rows, of which {changes.displaced} are not where bronze has them")
    return ruled, changes


class _Cells:
    """The cells of silver as expressions over bronze; `registered` holds the functions that they call."""

    def __init__(
        self, cursor: duckdb.DuckDBPyConnection, registered: ExitStack, table: Expression, keys: PrivacyKeys
    ) -> None:
        self._cursor = cursor
        self._registered = registered
        self._table = table
        self._keys = keys

    def selected(self, fields: Sequence[Field], ruled: Ruled) -> Expression:
        """The rows of silver."""
        rules = {field.name: rule for field, rule in ruled}
        cells: dict[str, Expression] = {name: self._table[name] for name in SYSTEM_TYPES}
        for field in fields:
            rule = rules.get(field.name)
            cell = self._table[field.name] if rule is None else self._cell(field, rule)
            if cell is not None:
                cells[field.name] = cell
        return self._table.select(**cells)

    def _cell(self, field: Field, rule: PrivacyRule) -> Expression | None:
        column, kind, params = self._table[field.name], field.data_type, rule.params or {}
        match rule.strategy:
            case PrivacyStrategy.MASK:
                return self._of_text(mask_column(keep_last(rule.column, params)), column, kind)
            case PrivacyStrategy.HASH:
                normalize = normalizes(rule.column, kind, params)
                tokens = token_column(self._keys.token, self._keys.version, normalize=normalize)
                return self._of_text(tokens, column, kind)
            case PrivacyStrategy.PSEUDONYMIZE:
                return self._of_text(pseudonym_column(self._keys.pseudonym, self._keys.version), column, kind)
            case PrivacyStrategy.GENERALIZE:
                return generalized(column, kind, generalization(rule.column, kind, params))
            case PrivacyStrategy.NOISE:
                offsets = offset_column(noise(rule.column, kind, params), kind, self._keys.noise_of(field.name))
                return noisy(column, kind, self._offset(offsets, column))
            case PrivacyStrategy.REDACT:
                return ibis().null(column.type())
            case PrivacyStrategy.DROP:
                return None
            case PrivacyStrategy.KEEP:
                return column
            case _:
                assert_never(rule.strategy)

    def _of_text(self, function: ColumnFunction, column: Expression, kind: DataType) -> Expression:
        named = ibis().udf.scalar.builtin(name=self._created(function, ["VARCHAR"], "VARCHAR"), signature=((str,), str))
        return named(lambda text: text)(text_of(column, kind))

    def _offset(self, function: Callable[..., Any], column: Expression) -> Expression:  # Arrow arrays
        name = self._created(function, ["DOUBLE", "UBIGINT"], "DOUBLE")
        named = ibis().udf.scalar.builtin(name=name, signature=(("float64", "uint64"), "float64"))
        numbered = ibis().udf.scalar.builtin(name="md5_number_lower", signature=((str,), "uint64"))
        rows = numbered(lambda text: text)(self._table[ROW_ID])
        return named(lambda value, row: value)(column.cast("float64"), rows)

    def _created(self, function: Callable[..., Any], takes: list[Any], gives: str) -> str:  # Arrow arrays
        """The function inside DuckDB, under a name of its own until `registered` closes."""
        name = f"column_{uuid4().hex}"
        self._cursor.create_function(
            name, function, takes, gives, type=PythonUDFType.ARROW, null_handling=FunctionNullHandling.SPECIAL
        )
        self._registered.callback(self._cursor.remove_function, name)
        return name

"""Checks that compare rows with rows: values that occur more than once, and values that another dataset has."""

from typing import TypeAlias

from server.adapters.engine.batch_table import Expression, ibis_type
from server.adapters.engine.on_demand import ibis
from server.adapters.engine.quality.expressions import meets, met_by
from server.adapters.engine.quality.rules import FieldCondition, ReadyRule
from server.adapters.engine.quality.tables import CheckTables, OtherRows
from server.kernel.fields import DataType, Field
from server.kernel.quality_checks import Refers, Unique, UniqueInDataset, UniqueWith
from server.kernel.quality_references import common_type

GroupCheck: TypeAlias = Unique | UniqueWith | UniqueInDataset | Refers


def failed_rows(tables: CheckTables, rule: ReadyRule, check: GroupCheck) -> Expression:
    """How many rows fail, as a scalar."""
    if isinstance(check, Refers):
        return _strangers(tables, rule, check).count().as_scalar()
    return _repeated(tables, rule, check).occurrences.sum().as_scalar().fill_null(0)


def failing(tables: CheckTables, rule: ReadyRule, check: GroupCheck, groups: int) -> Expression:
    """The rows that fail; of a uniqueness those of its `groups` smallest repeated values."""
    if isinstance(check, Refers):
        return _strangers(tables, rule, check)
    rows = tables.rows
    first = _repeated(tables, rule, check)
    keys = [name for name in first.columns if name != "occurrences"]
    first = first.order_by(keys).limit(groups)
    wanted = _wanted(rows, rule, _names(rule, check))
    kinds = _kinds(tables, rule, check)
    pairs = zip(_names(rule, check), kinds, keys, strict=True)
    return wanted.semi_join(first, [_as(wanted[name], kind) == first[key] for name, kind, key in pairs])


def _names(rule: ReadyRule, check: Unique | UniqueWith | UniqueInDataset) -> tuple[str, ...]:
    if isinstance(check, UniqueWith):
        return check.columns
    assert rule.field is not None, "only row_count and unique with stand without a column"
    return (rule.field.name,)


def _wanted(rows: Expression, rule: ReadyRule, names: tuple[str, ...]) -> Expression:
    """The rows that the rule judges: where its condition is true and none of the columns is null."""
    present = [rows[name].notnull() for name in names]
    return rows.filter(*present, *([] if (met := meets(rows, rule.condition)) is None else [met]))


def _repeated(tables: CheckTables, rule: ReadyRule, check: Unique | UniqueWith | UniqueInDataset) -> Expression:
    """The values that occur more than once: columns `value_0`, …, and `occurrences`, in the batch itself."""
    kinds = _kinds(tables, rule, check)
    wanted = _wanted(tables.rows, rule, _names(rule, check))
    pairs = zip(_names(rule, check), kinds, strict=True)
    values = wanted.select(**{f"value_{place}": _as(wanted[name], kind) for place, (name, kind) in enumerate(pairs)})
    counted = values.group_by(values.columns).aggregate(occurrences=values.count())
    twice = counted.filter(counted.occurrences > 1)
    if not isinstance(check, UniqueInDataset) or rule.field is None or kinds[0] is None:
        return twice
    elsewhere = _values(tables.others_of_dataset(), rule.field.name, kinds[0], rule.condition)
    if elsewhere is None:
        return twice
    once = counted.filter(counted.occurrences == 1)
    return twice.union(once.semi_join(elsewhere, [once.value_0 == elsewhere.value]))


def _kinds(
    tables: CheckTables, rule: ReadyRule, check: Unique | UniqueWith | UniqueInDataset
) -> tuple[DataType | None, ...]:
    """The types in which the columns are compared; None: each as it is."""
    if isinstance(check, UniqueInDataset) and rule.field is not None:
        return (_compared(rule.field, rule.field.name, tables.others_of_dataset()),)
    return (None,) * len(_names(rule, check))


def _strangers(tables: CheckTables, rule: ReadyRule, check: Refers) -> Expression:
    """The rows whose value the other dataset does not have."""
    assert rule.field is not None, "a reference is of a column"
    wanted = _wanted(tables.rows, rule, (rule.field.name,))
    others = tables.of_dataset(check.dataset)
    kind = _compared(rule.field, check.column, others)
    known = _values(others, check.column, kind, None)
    if known is None:
        return wanted
    return wanted.anti_join(known, [_as(wanted[rule.field.name], kind) == known.value])


def _compared(field: Field, name: str, others: list[OtherRows]) -> DataType:
    """The type in which values of the field meet those of the other rows' columns of this name."""
    kind = field.data_type
    for other in (field.data_type for rows in others for field in rows.fields if field.name == name):
        kind = common_type(kind, other) or kind
    return kind


def _values(others: list[OtherRows], name: str, kind: DataType, condition: FieldCondition | None) -> Expression | None:
    """The other rows' values as a column `value`; older columns that do not compare hold no equal value."""
    found: Expression | None = None
    for rows in others:
        column = _comparable(rows, name, kind)
        if column is None:
            continue
        judged = [] if condition is None else [_met_elsewhere(rows, condition)]
        values = rows.table.filter(column.notnull(), *judged).select(value=column)
        found = values if found is None else found.union(values)
    return found


def _met_elsewhere(rows: OtherRows, condition: FieldCondition) -> Expression:
    kind = condition.field.data_type
    column = _comparable(rows, condition.field.name, kind)
    return met_by(ibis().null(ibis_type(kind)) if column is None else column, condition)


def _comparable(rows: OtherRows, name: str, kind: DataType) -> Expression | None:
    """The column of this name as `kind`, which holds all its values; None where it does not or is not there."""
    types = {field.name: field.data_type for field in rows.fields}
    if name not in types or common_type(kind, types[name]) != kind:
        return None
    return _as(rows.table[name], kind)


def _as(column: Expression, kind: DataType | None) -> Expression:
    return column if kind is None else column.cast(ibis_type(kind))

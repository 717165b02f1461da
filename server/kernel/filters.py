"""Filters of rows: what a client asks, read against a schema into one tree of typed conditions.

Conditions know three outcomes as SQL does: a comparison with a null is neither true nor false, and a row counts where
the whole is true. So NE and NOT_IN leave nulls out, and so does `not` around a comparison.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any, TypeAlias

from server.kernel.columns import named_column
from server.kernel.errors import BadUserInput, LimitExceeded
from server.kernel.fields import MAX_NAME, Field, TypeName
from server.kernel.filter_values import Value, kind_of, needed, value_of
from server.kernel.record import record

MAX_COMPARISONS = 100
MAX_NESTING = 10
MAX_VALUES = 1_000
MAX_ALL_VALUES = 10_000  # of all lists together
MAX_TEXT = 10_000  # characters of one value

SYSTEM_FIELDS = (
    Field(name="_id", type="string", nullable=False),
    Field(name="_batch_id", type="string", nullable=False),
    Field(name="_created_at", type="datetime", nullable=False),
)


class FilterOp(StrEnum):
    """How a column is compared with a value."""

    EQ = "EQ"
    NE = "NE"
    GT = "GT"
    GTE = "GTE"
    LT = "LT"
    LTE = "LTE"
    IN = "IN"
    NOT_IN = "NOT_IN"
    LIKE = "LIKE"
    ILIKE = "ILIKE"
    IS_NULL = "IS_NULL"
    IS_NOT_NULL = "IS_NOT_NULL"


LISTS = frozenset({FilterOp.IN, FilterOp.NOT_IN})
PATTERNS = frozenset({FilterOp.LIKE, FilterOp.ILIKE})
NULLS = frozenset({FilterOp.IS_NULL, FilterOp.IS_NOT_NULL})


@record
class Asked:
    """A condition as a client wrote it: one comparison, or one of `all_of`, `any_of`, `negated`; nothing is checked."""

    field: str | None = None
    op: FilterOp | None = None
    value: Any = None  # any JSON value
    all_of: "tuple[Asked, ...] | None" = None
    any_of: "tuple[Asked, ...] | None" = None
    negated: "Asked | None" = None


@record
class Comparison:
    """One column held against its values: none for IS_NULL and IS_NOT_NULL, one for most, any number for IN."""

    field: Field
    op: FilterOp
    values: tuple[Value, ...] = ()


@record
class AllOf:
    """True where every one is; so is the empty one."""

    conditions: "tuple[Condition, ...]"


@record
class AnyOf:
    """True where one is; the empty one is false."""

    conditions: "tuple[Condition, ...]"


@record
class Negation:
    """True where the other is false; a comparison with a null is not."""

    condition: "Condition"


Condition: TypeAlias = Comparison | AllOf | AnyOf | Negation


def read_filters(filters: Sequence[Asked], where: Asked | None, fields: Sequence[Field]) -> AllOf:
    """What both arguments ask together of rows with these fields. Raises: BadUserInput, LimitExceeded."""
    if len(filters) > MAX_COMPARISONS:
        raise _too_many(len(filters), "filter")
    _check_size(filters, where)
    known = (*SYSTEM_FIELDS, *fields)
    found = [_comparison(one, f"filter[{place}]", known) for place, one in enumerate(filters)]
    return AllOf(conditions=(*found, *(() if where is None else (_condition(where, "where", known),))))


def named_field(name: str, fields: Sequence[Field], place: str) -> Field:
    """The field or system column of this name. Raises: BadUserInput, naming the nearest known one."""
    try:
        return named_column(name[: MAX_NAME + 1], fields, among="the rows of this layer")
    except BadUserInput as refused:
        raise BadUserInput(f"{place}: {refused.message}", field=place) from None


def equals(condition: AllOf, name: str) -> frozenset[Value] | None:
    """The only values that the column `name` can have in rows that count; None where any can be."""
    found: frozenset[Value] | None = None
    for one in _demanded(condition):
        if one.field.name == name and one.op in (FilterOp.EQ, FilterOp.IN):
            found = frozenset(one.values) if found is None else found & frozenset(one.values)
    return found


def _demanded(condition: Condition) -> Iterator[Comparison]:
    match condition:
        case Comparison():
            yield condition
        case AllOf(conditions=conditions):
            for one in conditions:
                yield from _demanded(one)
        case AnyOf() | Negation():
            return


def _check_size(filters: Sequence[Asked], where: Asked | None) -> None:
    """Before anything is read: a tree too large costs no more than finding that out."""
    count, values = len(filters), sum(map(_listed, filters))
    level = [] if where is None else [where]
    for depth in range(MAX_NESTING + 2):
        values += sum(map(_listed, level))
        if values > MAX_ALL_VALUES:
            raise LimitExceeded(
                f"the lists of filter and where have {values} values or more together, {MAX_ALL_VALUES} are allowed;"
                " ask in several requests",
                limit=MAX_ALL_VALUES,
            )
        if not level:
            return
        if depth > MAX_NESTING:
            raise LimitExceeded(
                f"where is nested more than {MAX_NESTING} levels deep; write it flatter",
                field="where",
                limit=MAX_NESTING,
            )
        count += sum(one.field is not None for one in level)
        below = [child for one in level for child in _children(one)]
        if count > MAX_COMPARISONS or len(below) > MAX_COMPARISONS:
            raise _too_many(max(count, len(below)), "where")
        level = below


def _too_many(count: int, place: str) -> LimitExceeded:
    return LimitExceeded(
        f"{place} has {count} conditions, {MAX_COMPARISONS} are allowed; use IN for many values of one field",
        field=place,
        limit=MAX_COMPARISONS,
    )


def _listed(asked: Asked) -> int:
    return len(asked.value) if isinstance(asked.value, list) else 0


def _children(asked: Asked) -> list[Asked]:
    return [*(asked.all_of or ()), *(asked.any_of or ()), *(() if asked.negated is None else (asked.negated,))]


def _condition(asked: Asked, place: str, fields: Sequence[Field]) -> Condition:
    compares = asked.field is not None or asked.op is not None or asked.value is not None
    said = [compares, asked.all_of is not None, asked.any_of is not None, asked.negated is not None]
    if sum(said) != 1:
        raise BadUserInput(
            f"{place} must be either one comparison (field, op, value) or one of and, or, not; it has"
            f" {'several of them' if any(said) else 'none of them'}",
            field=place,
        )
    if asked.all_of is not None:
        return AllOf(conditions=_each(asked.all_of, f"{place}.and", fields))
    if asked.any_of is not None:
        return AnyOf(conditions=_each(asked.any_of, f"{place}.or", fields))
    if asked.negated is not None:
        return Negation(condition=_condition(asked.negated, f"{place}.not", fields))
    return _comparison(asked, place, fields)


def _each(asked: Sequence[Asked], place: str, fields: Sequence[Field]) -> tuple[Condition, ...]:
    return tuple(_condition(one, f"{place}[{index}]", fields) for index, one in enumerate(asked))


def _comparison(asked: Asked, place: str, fields: Sequence[Field]) -> Comparison:
    if asked.field is None or asked.op is None:
        raise BadUserInput(f"{place} lacks {'field' if asked.field is None else 'op'}; give both", field=place)
    field, op, value = named_field(asked.field, fields, f"{place}.field"), asked.op, asked.value
    is_json = field.data_type.name is TypeName.JSON
    if op in NULLS:
        if value is not None:
            raise BadUserInput(f"{place}.value: {op} takes no value; leave it out", field=f"{place}.value")
        return Comparison(field=field, op=op)
    if is_json:
        raise BadUserInput(f"{place}: the json field {field.name!r} takes only IS_NULL and IS_NOT_NULL", field=place)
    if op in PATTERNS and field.data_type.name is not TypeName.STRING:
        raise BadUserInput(f"{place}: {op} needs a string field; {field.name!r} is {field.data_type}", field=place)
    if op not in LISTS:
        return Comparison(field=field, op=op, values=(_value(value, field, op, f"{place}.value"),))
    if not isinstance(value, list):
        raise BadUserInput(
            f"{place}.value: {op} of field {field.name!r} needs a list, this is {kind_of(value)}",
            field=f"{place}.value",
        )
    if len(value) > MAX_VALUES:
        raise LimitExceeded(
            f"{place}.value has {len(value)} values, {MAX_VALUES} are allowed; ask in several requests",
            field=f"{place}.value",
            limit=MAX_VALUES,
        )
    values = (_value(one, field, op, f"{place}.value[{index}]") for index, one in enumerate(value))
    return Comparison(field=field, op=op, values=tuple(values))


def _value(given: Any, field: Field, op: FilterOp, place: str) -> Value:
    if given is None:
        raise BadUserInput(
            f"{place}: {op} of field {field.name!r} needs {needed(field.data_type)}; ask for nulls with IS_NULL",
            field=place,
        )
    value = value_of(given, field.data_type)
    if value is None:
        raise BadUserInput(
            f"{place}: field {field.name!r} ({field.data_type}) needs {needed(field.data_type)}; {kind_of(given)} was"
            " given that is not one",
            field=place,
        )
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise LimitExceeded(f"{place} has {len(value)} characters, {MAX_TEXT} are allowed", field=place, limit=MAX_TEXT)
    if op in PATTERNS and isinstance(value, str) and _ends_open(value):
        raise BadUserInput(
            f"{place}: a pattern cannot end with a single \\; write \\\\ for the sign itself", field=place
        )
    return value


def _ends_open(pattern: str) -> bool:
    return (len(pattern) - len(pattern.rstrip("\\"))) % 2 == 1

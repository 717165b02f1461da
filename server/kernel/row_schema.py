"""The columns that rows of a layer have now, whatever schema and privacy rules each batch was written under."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from server.kernel.compatibility import is_readable
from server.kernel.errors import BadUserInput, LimitExceeded
from server.kernel.fields import Field, TypeName
from server.kernel.filters import SYSTEM_FIELDS, named_field
from server.kernel.layer import Layer
from server.kernel.record import record

MAX_ORDERS = 16


@record
class Order:
    """A column by which rows are sorted; nulls come last either way."""

    field: Field
    descending: bool = False


def row_schema(current: Sequence[Field], layer: Layer, stored: Collection[Sequence[Field]]) -> tuple[Field, ...]:
    """The columns of a layer's rows. `current`: the dataset's schema; `stored`: the columns of each file.

    Bronze has the current schema. Behind privacy rules a column keeps the current type where every file can be read
    so, else the type that all files agree on, else it is text; a column that no file has is not there.
    """
    if layer is Layer.BRONZE or not stored:
        return tuple(current)
    types: dict[str, dict[str, Field]] = {}
    for fields in stored:
        for field in fields:
            types.setdefault(field.name, {}).setdefault(field.type, field)
    return tuple(_merged(field, tuple(types[field.name].values())) for field in current if field.name in types)


def _merged(current: Field, stored: Sequence[Field]) -> Field:
    if all(is_readable(field.data_type, current.data_type) for field in stored):
        return current
    return replace(current, type=stored[0].type if len(stored) == 1 else TypeName.STRING.value)


def read_order(asked: Sequence[tuple[str, bool]], fields: Sequence[Field]) -> tuple[Order, ...]:
    """The order that (name, descending) pairs ask for; it ends with `_id`, so that no two rows are equal in it.

    Raises: BadUserInput, LimitExceeded.
    """
    if len(asked) > MAX_ORDERS:
        raise LimitExceeded(
            f"orderBy has {len(asked)} fields, {MAX_ORDERS} are allowed", field="orderBy", limit=MAX_ORDERS
        )
    orders: list[Order] = []
    for place, (name, descending) in enumerate(asked):
        field = named_field(name, (*SYSTEM_FIELDS, *fields), f"orderBy[{place}].field")
        if field.data_type.name is TypeName.JSON:
            raise BadUserInput(
                f"orderBy[{place}]: the json field {field.name!r} has no order; name another", field="orderBy"
            )
        if any(order.field == field for order in orders):
            raise BadUserInput(f"orderBy[{place}]: field {field.name!r} stands twice; name it once", field="orderBy")
        orders.append(Order(field=field, descending=descending))
    identity = SYSTEM_FIELDS[0]
    if all(order.field != identity for order in orders):
        orders.append(Order(field=identity))
    return tuple(orders)


def read_projection(asked: Sequence[str] | None, fields: Sequence[Field]) -> tuple[Field, ...]:
    """The columns to show: the named ones in the order given, `_id` always; None: all. Raises: BadUserInput."""
    known = (*SYSTEM_FIELDS, *fields)
    if asked is None:
        return known
    named = [named_field(name, known, f"fields[{place}]") for place, name in enumerate(dict.fromkeys(asked))]
    return tuple(named) if SYSTEM_FIELDS[0] in named else (SYSTEM_FIELDS[0], *named)

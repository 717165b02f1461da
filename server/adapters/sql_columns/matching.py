"""Which output of a query fills which column of the target: by name, or by place where SQL says so."""

import re
from collections.abc import Mapping, Sequence

from server.adapters.sql_columns.flow import Made
from server.adapters.sql_columns.statement import Statement, Unclear, shown
from server.kernel.fields import folded

_GENERATED = re.compile(r"_col_\d+")


def matched(statement: Statement, outputs: Sequence[tuple[str, Made]], columns: Sequence[str]) -> Mapping[str, Made]:
    """What makes each column of the target, by its registered name. Raises: Unclear."""
    registered = {folded(column): column for column in columns}
    names = [name for name, _ in outputs]
    if statement.listed is not None:
        if len(statement.listed) != len(names):
            raise Unclear(f"the statement lists {len(statement.listed)} columns and its SELECT makes {len(names)}")
        places = statement.listed
    elif statement.inserts:
        places = _inserted(names, tuple(registered))
    elif any(_generated(name, registered) for name in names):
        places = _by_place(names, tuple(registered))
    else:
        places = tuple(names)
    return _filled(places, outputs, registered)


def _inserted(names: Sequence[str], columns: tuple[str, ...]) -> tuple[str, ...]:
    """An INSERT without a list fills by place; names that say otherwise make the order of the columns doubtful."""
    if len(names) != len(columns):
        raise Unclear(f"the INSERT lists no columns; its SELECT makes {len(names)} and the target has {len(columns)}")
    for name, column in zip(names, columns, strict=True):
        if name != column and name in columns:
            raise Unclear(f"the INSERT lists no columns, and {shown(name)} stands at the place of {shown(column)}")
    return columns


def _by_place(names: Sequence[str], columns: tuple[str, ...]) -> tuple[str, ...]:
    """Outputs without names fill by place, where all others stand at the place of their name."""
    agree = len(names) == len(columns) and all(
        name == column or _generated(name, columns) for name, column in zip(names, columns, strict=True)
    )
    if not agree:
        place = next(index for index, name in enumerate(names, 1) if _generated(name, columns))
        raise Unclear(f"output {place} of the SELECT has no name; name it as a column of the target")
    return columns


def _generated(name: str, columns: Mapping[str, str] | tuple[str, ...]) -> bool:
    return (not name or _GENERATED.fullmatch(name) is not None) and name not in columns


def _filled(
    places: Sequence[str], outputs: Sequence[tuple[str, Made]], registered: Mapping[str, str]
) -> dict[str, Made]:
    found: dict[str, Made] = {}
    for place, (_, made) in zip(places, outputs, strict=True):
        column = registered.get(place)
        if column is None:
            raise Unclear(f"the target has no column {shown(place)}")
        if column in found:
            raise Unclear(f"column {shown(place)} of the target is made twice")
        found[column] = made
    return found

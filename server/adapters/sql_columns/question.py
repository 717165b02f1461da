"""The question that goes to the side process, and its answers."""

from collections.abc import Mapping
from typing import TypeAlias

from server.kernel.record import record


@record
class Table:
    """A registered table: its bare name, and its columns as they are registered, in their order."""

    name: str
    columns: tuple[str, ...]


@record
class Question:
    """What columns of `source` make those of `target`. `others`: further tables that the SQL reads, by folded name.

    A name in `others` without a table is one of which it is known that nothing can be said: the text says why.
    """

    sql: str
    dialect: str | None
    source: Table
    target: Table
    others: Mapping[str, Table | str]


@record
class Link:
    """A column of the target, with the columns of the source of which it is made or on which it hangs otherwise."""

    target: str
    sources: tuple[str, ...]
    indirect: tuple[str, ...]


@record
class Read:
    """What the SQL tells."""

    links: tuple[Link, ...]


@record
class Unknown:
    """Why nothing can be told. It holds names, never a value of the SQL."""

    reason: str


@record
class Missing:
    """Folded names of tables whose columns must be known first."""

    names: tuple[str, ...]


Answer: TypeAlias = Read | Unknown | Missing

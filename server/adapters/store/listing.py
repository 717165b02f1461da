"""Listings: what makes a page of rows the same page again, for one parent or for many at once."""

from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import BigInteger
from sqlalchemy.sql.elements import ColumnElement

from server.adapters.store.intervals import Interval
from server.adapters.store.paging import fingerprint

R = TypeVar("R", bound=Interval)


class At(NamedTuple):
    """A thing as it stood at a position."""

    id: str
    position: int


@dataclass(frozen=True)
class Listing(Generic[R]):
    """Rows of a table in ascending or descending order of the unique column `key`.

    `parent` names the column by which the rows belong to something, where each parent has a listing of its own;
    `parts` are the JSON values behind the conditions.
    """

    table: type[R]
    key: str
    conditions: tuple[ColumnElement[bool], ...] = ()
    parts: tuple[Any, ...] = ()
    parent: str | None = None
    descending: bool = False

    def order(self, table: Any) -> ColumnElement[Any]:  # the table or an alias of it
        """The rows' order by the key."""
        key: ColumnElement[Any] = getattr(table, self.key)
        return key.desc() if self.descending else key

    def behind(self, table: Any, key: int | str) -> ColumnElement[bool]:  # the table or an alias of it
        """The rows that come after the one with this key."""
        column: ColumnElement[Any] = getattr(table, self.key)
        return column < key if self.descending else column > key

    @property
    def key_type(self) -> type:
        """The type of the key in a cursor."""
        column = self.table.__table__.columns[self.key]  # type: ignore[attr-defined]  # set by SQLModel
        return int if isinstance(column.type, BigInteger) else str

    @property
    def name(self) -> str:
        """The fingerprint that its cursors carry."""
        way = ("descending",) if self.descending else ()
        return fingerprint(self.table.__tablename__, self.key, self.parent, *self.parts, *way)

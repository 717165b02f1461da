"""Reading the read tables at a position: single rows, rows by id, pages."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlalchemy.orm import Mapped
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.adapters.store.intervals import FOREVER, Interval
from server.adapters.store.paging import Cursor, Page, PageRequest, check_first, decode_cursor, fingerprint

R = TypeVar("R", bound=Interval)

NOW = FOREVER - 1  # the position of whoever wants the current rows


class Reader:
    """Typed reads, each with the position that it is about. Rows are not tied to a session and not to be changed."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._sessions = async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)

    async def one(self, table: type[R], *conditions: ColumnElement[bool], position: int = NOW) -> R | None:
        """The row that satisfies the conditions, if there is one."""
        async with self._sessions() as session:
            return (await session.exec(select(table).where(table.standing(position), *conditions).limit(1))).first()

    async def by_id(self, table: type[R], id: str, position: int = NOW) -> R | None:
        """The row of a URN."""
        return await self.one(table, col(table.id) == id, position=position)

    async def by_ids(self, table: type[R], ids: Iterable[str], position: int = NOW) -> dict[str, R]:
        """The rows of these URNs, by URN."""
        rows = await self.all(table, col(table.id).in_(list(ids)), position=position)
        return {row.id: row for row in rows}

    async def all(
        self,
        table: type[R],
        *conditions: ColumnElement[bool],
        position: int = NOW,
        order: Mapped[Any] | None = None,
    ) -> Sequence[R]:
        """Every row that satisfies the conditions."""
        statement = select(table).where(table.standing(position), *conditions)
        if order is not None:
            statement = statement.order_by(order)
        async with self._sessions() as session:
            return (await session.exec(statement)).all()

    async def count(self, table: type[R], *conditions: ColumnElement[bool], position: int = NOW) -> int:
        """How many rows satisfy the conditions."""
        async with self._sessions() as session:
            statement = select(func.count()).select_from(table).where(table.standing(position), *conditions)
            return (await session.exec(statement)).one()

    async def page(
        self,
        table: type[R],
        *conditions: ColumnElement[bool],
        key: str,
        request: PageRequest,
        position: int,
        listing: Sequence[Any],  # JSON values that name the filter
    ) -> Page[R]:
        """A page in ascending order of the column `key`, which is unique.

        A cursor carries the position of its first page, so that the pages of one listing agree.
        Raises: BadUserInput, LimitExceeded.
        """
        first = check_first(request.first)
        name = fingerprint(table.__tablename__, key, *listing)
        column = col(getattr(table, key))
        limits = list(conditions)
        if request.after is not None:
            cursor = decode_cursor(request.after, name)
            position = cursor.position
            limits.append(column > cursor.key)
        statement = select(table).where(table.standing(position), *limits).order_by(column).limit(first + 1)
        async with self._sessions() as session:
            rows = (await session.exec(statement)).all()

        async def count() -> int:
            return await self.count(table, *conditions, position=position)

        shown = rows[:first]
        return Page(
            rows=shown,
            cursors=[Cursor(listing=name, position=position, key=getattr(row, key)).encode() for row in shown],
            has_next=len(rows) > first,
            has_previous=request.after is not None,
            position=position,
            count=count,
        )

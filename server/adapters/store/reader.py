"""Reading the read tables at a position: single rows, rows by id, pages, for one asker or for many in one statement."""

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import ARRAY, BigInteger, Text, bindparam, func, literal, true
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlalchemy.orm import Mapped, aliased
from sqlalchemy.sql.elements import BindParameter, ColumnElement
from sqlalchemy.sql.selectable import TableValuedAlias
from sqlmodel import col, column, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import Select, SelectOfScalar

from server.adapters.store.intervals import Interval
from server.adapters.store.listing import At, Listing
from server.adapters.store.paging import Cursor, Page, PageRequest, check_first, decode_cursor
from server.kernel.recorded import FOREVER

R = TypeVar("R", bound=Interval)

NOW = FOREVER - 1  # the position of whoever wants the current rows


class Reader:
    """Typed reads, each with the position that it is about. Rows are not tied to a session and not to be changed."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._sessions = async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)
        # Made once for each table: these are the reads behind every mutation's answer and every loader.
        self._by_id: dict[str, SelectOfScalar[Any]] = {}  # of the table's rows
        self._children: dict[tuple[str, str, str], Select[Any, Any, Any]] = {}  # of ids, positions and the table's rows

    async def by_id(self, table: type[R], id: str, position: int = NOW) -> R | None:
        """The row of a URN."""
        async with self._sessions() as session:
            statement = self._by_id.get(table.__name__)
            if statement is None:
                statement = self._by_id[table.__name__] = _row_of(table)
            return (await session.exec(statement, params={"id": id, "position": position})).first()

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

    async def ever(self, table: type[R], *conditions: ColumnElement[bool]) -> R | None:
        """The newest row, standing or not, that satisfies the conditions."""
        statement = select(table).where(*conditions).order_by(col(table.valid_from).desc()).limit(1)
        async with self._sessions() as session:
            return (await session.exec(statement)).first()

    async def by_ids(self, table: type[R], asked: Sequence[At]) -> dict[At, R]:
        """The rows of these URNs, each at its own position."""
        found = await self.children(table, "id", "id", asked)
        return {at: rows[0] for at, rows in found.items() if rows}

    async def children(self, table: type[R], parent: str, order: str, asked: Sequence[At]) -> dict[At, list[R]]:
        """All rows of each parent at its position, in ascending order of a column."""
        statement = self._children.get((table.__name__, parent, order))
        if statement is None:
            statement = self._children[table.__name__, parent, order] = _rows_of(table, parent, order)
        found: dict[At, list[R]] = {at: [] for at in asked}
        places = {"ids": [at.id for at in asked], "positions": [at.position for at in asked]}
        async with self._sessions() as session:
            for id, position, row in (await session.exec(statement, params=places)).all():
                found[At(id, position)].append(row)
        return found

    async def columns(
        self, table: type[R], names: Sequence[str], parent: str, order: str, asked: Sequence[At]
    ) -> dict[At, list[tuple[Any, ...]]]:  # the columns' Python values
        """As `children`, only these columns: a fraction of the price where there are thousands of rows."""
        places = _places(asked)
        statement = (
            select(places.c.id, places.c.position, *(_column(table, name) for name in names))
            .join_from(places, table, (_column(table, parent) == places.c.id) & _standing(table, places))
            .order_by(_column(table, order))
        )
        found: dict[At, list[tuple[Any, ...]]] = {at: [] for at in asked}
        async with self._sessions() as session:
            for row in (await session.exec(statement)).all():
                found[At(row[0], row[1])].append(tuple(row[2:]))
        return found

    async def newest(self, table: type[R], parent: str, asked: Sequence[At]) -> dict[At, int]:
        """At which position the rows of each parent changed last, seen from its own; none where it has no rows.

        Two positions for which this is equal see the same rows.
        """
        places = _places(asked)
        statement = (
            select(places.c.id, places.c.position, func.max(col(table.valid_from)))
            .join_from(places, table, (_column(table, parent) == places.c.id) & _standing(table, places))
            .group_by(places.c.id, places.c.position)
        )
        async with self._sessions() as session:
            return {At(id, position): newest for id, position, newest in (await session.exec(statement)).all()}

    async def page(self, listing: Listing[R], request: PageRequest, position: int) -> Page[R]:
        """A page. A cursor carries the position of its first page, so that the pages of one listing agree.

        Raises: BadUserInput, LimitExceeded.
        """
        first, cursor = _asked(listing, request)
        position = position if cursor is None else cursor.position
        table = listing.table
        statement = select(table).where(table.standing(position), *_limits(listing, table, cursor))
        statement = statement.order_by(listing.order(table)).limit(first + 1)
        async with self._sessions() as session:
            rows = (await session.exec(statement)).all()

        async def count() -> int:
            counted = select(func.count()).select_from(table).where(table.standing(position), *listing.conditions)
            async with self._sessions() as session:
                return (await session.exec(counted)).one()

        return _page(listing, request, first, position, rows, count)

    async def pages(self, listing: Listing[R], request: PageRequest, asked: Sequence[At]) -> dict[At, Page[R]]:
        """The page of each parent at its position, or at the cursor's. Raises: BadUserInput, LimitExceeded."""
        assert listing.parent is not None, "the listing of many parents names their column"
        first, cursor = _asked(listing, request)
        places = _places(asked if cursor is None else [At(at.id, cursor.position) for at in asked])
        table = listing.table
        behind = (
            select(table)
            .where(_column(table, listing.parent) == places.c.id, _standing(table, places))
            .where(*_limits(listing, table, cursor))
            .order_by(listing.order(table))
            .limit(first + 1)
            .lateral()
        )
        row = aliased(table, behind)
        statement = select(places.c.id, row).join_from(places, behind, true()).order_by(listing.order(row))
        found: dict[str, list[R]] = {at.id: [] for at in asked}
        async with self._sessions() as session:
            for id, each in (await session.exec(statement)).all():
                found[id].append(each)
        return {
            at: _page(listing, request, first, at.position if cursor is None else cursor.position, found[at.id], None)
            for at in asked
        }

    async def counts(self, listing: Listing[R], asked: Sequence[At]) -> dict[At, int]:
        """How many rows each parent has at its position."""
        assert listing.parent is not None, "the listing of many parents names their column"
        places = _places(asked)
        table = listing.table
        statement = (
            select(places.c.id, places.c.position, func.count())
            .join_from(places, table, (_column(table, listing.parent) == places.c.id) & _standing(table, places))
            .where(*listing.conditions)
            .group_by(places.c.id, places.c.position)
        )
        async with self._sessions() as session:
            counted = {At(id, position): number for id, position, number in (await session.exec(statement)).all()}
        return {at: counted.get(at, 0) for at in asked}


def _row_of(table: type[R]) -> SelectOfScalar[R]:
    position: BindParameter[int] = bindparam("position")
    return select(table).where(
        col(table.id) == bindparam("id"), col(table.valid_from) <= position, col(table.valid_to) > position
    )


def _rows_of(table: type[R], parent: str, order: str) -> Select[Any, Any, R]:
    """The rows of many parents, which are given when it is executed as `ids` and `positions`."""
    places = _unnested(bindparam("ids", type_=ARRAY(Text)), bindparam("positions", type_=ARRAY(BigInteger)))
    return (
        select(places.c.id, places.c.position, table)
        .join_from(places, table, (_column(table, parent) == places.c.id) & _standing(table, places))
        .order_by(_column(table, order))
    )


def _places(asked: Sequence[At]) -> TableValuedAlias:
    ids = literal([at.id for at in asked], ARRAY(Text))
    return _unnested(ids, literal([at.position for at in asked], ARRAY(BigInteger)))


def _unnested(ids: ColumnElement[Any], positions: ColumnElement[Any]) -> TableValuedAlias:
    unnested = func.unnest(ids, positions).table_valued(column("id", Text), column("position", BigInteger))
    return unnested.render_derived(name="places")


def _column(table: Any, name: str) -> ColumnElement[Any]:  # a table or an alias of one
    found: ColumnElement[Any] = getattr(table, name)
    return found


def _standing(table: type[Interval], places: TableValuedAlias) -> ColumnElement[bool]:
    return (col(table.valid_from) <= places.c.position) & (col(table.valid_to) > places.c.position)


def _asked(listing: Listing[Any], request: PageRequest) -> tuple[int, Cursor | None]:
    first = check_first(request.first)
    return first, None if request.after is None else decode_cursor(request.after, listing.name, listing.key_type)


def _limits(listing: Listing[R], table: type[R], cursor: Cursor | None) -> list[ColumnElement[bool]]:
    behind = [] if cursor is None else [listing.behind(table, cursor.key)]
    return [*listing.conditions, *behind]


def _page(
    listing: Listing[R], request: PageRequest, first: int, position: int, rows: Sequence[R], count: Any
) -> Page[R]:  # `count` None: whoever asks for many counts them together
    shown = rows[:first]
    cursors = [Cursor(listing=listing.name, position=position, key=getattr(row, listing.key)).encode() for row in shown]
    return Page(
        rows=shown,
        cursors=cursors,
        has_next=len(rows) > first,
        has_previous=request.after is not None,
        position=position,
        count=count,
    )

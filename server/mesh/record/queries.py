"""Reading the rows of a dataset: pages in any order, single records, counts; each at a position of the log."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import duckdb
import orjson

from server.adapters.engine.records.pages import RowPage, Rows, count_rows, known_count, read_page
from server.adapters.engine.session import Engine
from server.adapters.engine.source import Source, SourceGone
from server.adapters.sealing import Sealer
from server.adapters.store.listing import At
from server.adapters.store.paging import check_first, fingerprint
from server.kernel.errors import BadUserInput, LimitExceeded
from server.kernel.fields import Field
from server.kernel.filter_values import Value, json_of, value_of
from server.kernel.filters import Asked, FilterOp, read_filters
from server.kernel.layer import Layer
from server.kernel.record import record
from server.kernel.row_schema import Order, read_order, read_projection, row_schema
from server.mesh.dataset.queries import DatasetQueries, fields_of
from server.mesh.rows.sources import Sources

T = TypeVar("T")

MAX_FIRST = 10_000
CURSOR = "cursor"
LONGEST_PLACE = 200_000  # bytes of the values at which a page ends; a cursor has to fit into a request
LOOKS = 3  # at files that go while they are read


@record
class Table:
    """The rows of a dataset in one layer at a position. `name`: the dataset's; `fields`: what the rows have."""

    dataset: str
    name: str
    layer: Layer
    position: int
    fields: tuple[Field, ...]
    sources: tuple[Source, ...]


@record
class Selection:
    """Which rows a client asks for: both arguments must hold."""

    filters: tuple[Asked, ...] = ()
    where: Asked | None = None

    @property
    def asks(self) -> bool:
        """Whether it asks about values, which the catalog could not answer."""
        return bool(self.filters) or self.where is not None


@record
class PageAsked:
    """Which page of them. `orders`: (name, descending); `fields` None: all columns."""

    orders: tuple[tuple[str, bool], ...] = ()
    fields: tuple[str, ...] | None = None
    first: int = 100
    after: "Place | None" = None


@record
class Place:
    """Where a page ends, as its cursor says. `values`: JSON of the order's columns."""

    listing: str
    position: int
    values: tuple[Any, ...]  # JSON values


@record
class Page:
    """Some rows, each as the text of a JSON object."""

    nodes: tuple[str, ...]
    has_next: bool
    has_previous: bool
    start_cursor: str | None
    end_cursor: str | None


class Records:
    """Reads rows. Each read is about a `Table`, so that the fields of one operation agree."""

    def __init__(self, engine: Engine, sources: Sources, datasets: DatasetQueries, sealer: Sealer) -> None:
        self._engine = engine
        self._sources = sources
        self._datasets = datasets
        self._sealer = sealer

    async def tables(self, layer: Layer, asked: Sequence[At]) -> dict[At, Table]:
        """The rows of datasets that are known, in as many statements for many as for one.

        Raises: PreconditionFailed, where those of an earlier position are gone.
        """
        rows = await self._datasets.by_ids(asked)
        found = await self._sources.many(layer, asked)
        return {
            at: Table(
                dataset=row.id,
                name=row.name,
                layer=layer,
                position=at.position,
                fields=row_schema(fields_of(row), layer, [source.fields for source in found[at]]),
                sources=found[at],
            )
            for at, row in rows.items()
        }

    def place(self, cursor: str) -> Place:
        """What a cursor says. Raises: BadUserInput."""
        try:
            listing, position, *values = orjson.loads(self._sealer.open(CURSOR, cursor))
        except BadUserInput as refused:
            raise BadUserInput(refused.message, field="after") from None
        return Place(listing=listing, position=position, values=tuple(values))

    async def page(self, table: Table, selection: Selection, asked: PageAsked) -> Page:
        """A page; its cursors keep the position, so that the pages of one listing agree.

        Raises: BadUserInput, LimitExceeded, PreconditionFailed.
        """
        first = check_first(asked.first, limit=MAX_FIRST)
        orders = read_order(asked.orders, table.fields)
        shown = read_projection(asked.fields, table.fields)
        rows = rows_of(table, selection)
        listing = fingerprint(table.dataset, table.layer, repr(rows.condition), repr(orders))
        after = None if asked.after is None else _values(asked.after, listing, orders)

        def read(cursor: duckdb.DuckDBPyConnection, now: Table) -> RowPage:
            return read_page(cursor, rows if now is table else rows_of(now, selection), shown, orders, first, after)

        found = await self._read(table, read)
        return Page(
            nodes=found.texts,
            has_next=found.has_next,
            has_previous=asked.after is not None,
            start_cursor=self._cursor(listing, table.position, found.first),
            end_cursor=self._cursor(listing, table.position, found.last),
        )

    async def count(self, table: Table, selection: Selection) -> int:
        """How many rows there are. Without a filter the catalog knows. Raises: BadUserInput, LimitExceeded."""
        rows = rows_of(table, selection)
        if (known := known_count(rows)) is not None:
            return known

        def read(cursor: duckdb.DuckDBPyConnection, now: Table) -> int:
            return count_rows(cursor, rows if now is table else rows_of(now, selection))

        return await self._read(table, read)

    async def one(self, table: Table, id: str) -> str | None:
        """The record of this `_id` as the text of a JSON object, read from the one file that can hold it."""
        only = Selection(filters=(Asked(field="_id", op=FilterOp.EQ, value=id),))
        page = await self.page(table, only, PageAsked(first=1))
        return page.nodes[0] if page.nodes else None

    async def again(self, table: Table) -> Table:
        """The table as its files stand now. Raises: PreconditionFailed, where the position's are gone."""
        at = At(table.dataset, table.position)
        return (await self.tables(table.layer, [at]))[at]

    async def _read(self, table: Table, work: Callable[[duckdb.DuckDBPyConnection, Table], T]) -> T:
        for look in range(LOOKS):

            def read(cursor: duckdb.DuckDBPyConnection, now: Table = table) -> T:
                return work(cursor, now)

            try:
                return await self._engine.run(read, heavy=False)
            except SourceGone:  # merged, replaced or expired since the catalog was asked
                if look == LOOKS - 1:
                    raise
                table = await self.again(table)
        raise AssertionError("the last look answers or raises")

    def _cursor(self, listing: str, position: int, place: Sequence[Value | None] | None) -> str | None:
        if place is None:
            return None
        content = orjson.dumps([listing, position, *map(json_of, place)])
        if len(content) > LONGEST_PLACE:
            raise LimitExceeded(
                f"the value at which this page ends has more than {LONGEST_PLACE} bytes, too many for a cursor;"
                " order by other fields",
                field="orderBy",
            )
        return self._sealer.seal(CURSOR, content)


def rows_of(table: Table, selection: Selection) -> Rows:
    """The rows that are meant. Raises: BadUserInput, LimitExceeded."""
    condition = read_filters(selection.filters, selection.where, table.fields)
    return Rows(sources=table.sources, fields=table.fields, condition=condition)


def _values(place: Place, listing: str, orders: Sequence[Order]) -> tuple[Value | None, ...]:
    if place.listing != listing:
        raise BadUserInput("this cursor belongs to another filter or order; start the listing anew", field="after")
    return tuple(
        None if given is None else value_of(given, order.field.data_type)
        for given, order in zip(place.values, orders, strict=True)
    )

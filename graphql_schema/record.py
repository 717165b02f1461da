"""Records in the graph: the rows of a dataset, filtered, sorted, paged, counted, and an address to stream them."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeAlias

import orjson
import strawberry
from strawberry.scalars import JSON

from graphql_schema import grant as grants
from graphql_schema.context import Info
from graphql_schema.enumeration import enumeration
from graphql_schema.guard import guarded
from graphql_schema.layer import DataFormat, Layer
from graphql_schema.node import Node
from graphql_schema.paging import After, PageInfo
from graphql_schema.scalars import BigInt
from server.kernel import filters
from server.kernel.filters import MAX_COMPARISONS, Asked
from server.kernel.permission import Permission
from server.mesh.audit.service import Action
from server.mesh.record.queries import MAX_FIRST, Page, PageAsked, Selection

if TYPE_CHECKING:
    from graphql_schema.grant import SignedUrl

FilterOp = enumeration(
    filters.FilterOp,
    name="FilterOp",
    description="How a field is compared. Nulls satisfy IS_NULL only.",
    EQ="Equal.",
    NE="Not equal, and not null.",
    GT="Greater.",
    GTE="Greater or equal.",
    LT="Less.",
    LTE="Less or equal.",
    IN="One of a list; an empty list matches nothing.",
    NOT_IN="None of a list, and not null; an empty list matches everything.",
    LIKE="Like a pattern: `%` any text, `_` one character, `\\` before either for the sign itself.",
    ILIKE="As LIKE, in any case.",
    IS_NULL="Null.",
    IS_NOT_NULL="Not null.",
)
VALUE = (
    "Of the field's type: int a JSON integer, decimal a number or its text, date and datetime ISO 8601 texts,"
    " boolean true or false; a list for IN and NOT_IN; nothing for IS_NULL and IS_NOT_NULL."
)
FIELD = "The field, or one of _id, _batch_id, _created_at."


@strawberry.input(description="One comparison of a field.")
class RecordFilter:
    """One comparison of a field."""

    field: str = strawberry.field(description=FIELD)
    op: FilterOp = strawberry.field(description="How it is compared.")  # type: ignore[valid-type]
    value: JSON | None = strawberry.field(default=None, description=VALUE)


@strawberry.input(description="Either one comparison (field, op, value) or one of and, or, not.")
class RecordWhere:
    """A condition on rows."""

    field: str | None = strawberry.field(default=None, description=FIELD)
    op: FilterOp | None = strawberry.field(default=None, description="How it is compared.")  # type: ignore[valid-type]
    value: JSON | None = strawberry.field(default=None, description=VALUE)
    all_of: list["RecordWhere"] | None = strawberry.field(name="and", default=None, description="All of these hold.")
    any_of: list["RecordWhere"] | None = strawberry.field(name="or", default=None, description="One of these holds.")
    negated: "RecordWhere | None" = strawberry.field(
        name="not", default=None, description="This is false; where a null leaves it open, it is not."
    )


@strawberry.input(description="A field by which rows are sorted; nulls come last either way.")
class RecordOrder:
    """A field by which rows are sorted."""

    field: str = strawberry.field(description=FIELD)
    descending: bool | None = strawberry.field(default=False, description="The largest first.")


LayerAsked: TypeAlias = Annotated[
    Layer | None,  # type: ignore[valid-type]
    strawberry.argument(description="How refined the rows are."),
]
Filters: TypeAlias = Annotated[
    list[RecordFilter] | None,
    strawberry.argument(description=f"Which rows: all of these hold; with where at most {MAX_COMPARISONS}."),
]
Where: TypeAlias = Annotated[RecordWhere | None, strawberry.argument(description="Which rows: this holds too.")]
Fields: TypeAlias = Annotated[
    list[str] | None, strawberry.argument(description="Which fields are shown; `_id` always is. Without: all.")
]


@strawberry.type(description="Rows of a dataset, each with its system columns _id, _batch_id and _created_at.")
class RecordConnection:
    """A page of rows."""

    nodes: list[JSON] = strawberry.field(description="The rows of this page, numbers with all their digits.")
    page_info: PageInfo = strawberry.field(description="Where this page begins and ends.")
    counter: strawberry.Private[Callable[[], Awaitable[int]]]

    @strawberry.field(description="How many rows there are in all.")
    async def total_count(self) -> BigInt:
        """Counted only when asked for."""
        return BigInt(await self.counter())


@strawberry.type
class DatasetRecords(Node):
    """The rows of a dataset at a position."""

    position: strawberry.Private[int]

    @guarded(Permission.ROWS, description="Its rows as the current schema has them, by `_id` unless ordered otherwise.")
    async def records(
        self,
        info: Info,
        layer: LayerAsked = Layer.BRONZE,
        filter: Filters = None,
        where: Where = None,
        order_by: Annotated[
            list[RecordOrder] | None, strawberry.argument(description="How they are sorted; equal ones by `_id`.")
        ] = None,
        fields: Fields = None,
        first: Annotated[int | None, strawberry.argument(description=f"How many at most: 0 to {MAX_FIRST:,}.")] = 100,
        after: After = None,
    ) -> RecordConnection:
        """A page of rows; a cursor brings its position along."""
        records = info.context.mesh.records
        place = None if after is None else records.place(after)
        position = self.position if place is None else place.position
        table = await info.context.table(layer or Layer.BRONZE, self.id, position)
        asked = PageAsked(
            orders=tuple((order.field, bool(order.descending)) for order in order_by or ()),
            fields=None if fields is None else tuple(fields),
            first=100 if first is None else first,
            after=place,
        )
        rows = selection(filter, where)
        page = await info.context.audit.through(
            self.id, Action.RECORDS, lambda: info.context.wanted(records.page(table, rows, asked))
        )
        return connection(page, lambda: info.context.wanted(records.count(table, rows)))

    @guarded(Permission.ROWS, description="One row by its `_id`; null where there is none.")
    async def record(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Its `_id`.")],
        layer: LayerAsked = Layer.BRONZE,
    ) -> JSON | None:
        """The row, read from the file of the batch that its id names."""
        table = await info.context.table(layer or Layer.BRONZE, self.id, self.position)
        found = await info.context.audit.through(
            self.id, Action.RECORD, lambda: info.context.wanted(info.context.mesh.records.one(table, id))
        )
        return None if found is None else json(found)

    @guarded(Permission.ROWS, description="How many rows it has.")
    async def record_count(
        self, info: Info, layer: LayerAsked = Layer.BRONZE, filter: Filters = None, where: Where = None
    ) -> BigInt:
        """The number of rows; without a filter no file is read."""
        table = await info.context.table(layer or Layer.BRONZE, self.id, self.position)
        rows = selection(filter, where)

        async def count() -> int:
            return await info.context.wanted(info.context.mesh.records.count(table, rows))

        return BigInt(await (info.context.audit.through(self.id, Action.COUNT, count) if rows.asks else count()))

    @guarded(
        Permission.ROWS,
        description="A signed address from which the rows can be streamed, without a page limit. It works for 15"
        " minutes; outside a catalog of the past it gives the rows that stand when it is used.",
    )
    async def stream_url(
        self,
        info: Info,
        layer: LayerAsked = Layer.BRONZE,
        filter: Filters = None,
        where: Where = None,
        fields: Fields = None,
        format: Annotated[
            DataFormat | None,  # type: ignore[valid-type]
            strawberry.argument(description="How they are written."),
        ] = DataFormat.NDJSON,
    ) -> Annotated["SignedUrl", strawberry.lazy("graphql_schema.grant")]:
        """An address; nothing is read before it is used."""
        await info.context.audit.admit(self.id)
        table = await info.context.table(layer or Layer.BRONZE, self.id, self.position)
        address = info.context.mesh.record_streams.address(
            table,
            selection(filter, where),
            None if fields is None else tuple(fields),
            format or DataFormat.NDJSON,
            position=None if self.position == await info.context.now() else self.position,
            reading=info.context.reading,
        )
        return grants.signed_url(address, info.context.base_url)


def connection(page: Page, counter: Callable[[], Awaitable[int]]) -> RecordConnection:
    """A page of rows in the graph."""
    return RecordConnection(
        nodes=[json(text) for text in page.nodes],
        page_info=PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=page.start_cursor,
            end_cursor=page.end_cursor,
        ),
        counter=counter,
    )


def json(text: str) -> JSON:
    """Text that is JSON already, as the answer's encoder takes it over: no number is read and written again."""
    return JSON(orjson.Fragment(text))


def selection(filter: list[RecordFilter] | None, where: RecordWhere | None) -> Selection:
    """Which rows a client means, unchecked."""
    return Selection(
        filters=tuple(Asked(field=one.field, op=one.op, value=one.value) for one in filter or ()),
        where=None if where is None else condition(where),
    )


def condition(where: RecordWhere) -> Asked:
    """A condition as it was asked, unchecked."""
    return Asked(
        field=where.field,
        op=where.op,
        value=where.value,
        all_of=None if where.all_of is None else tuple(map(condition, where.all_of)),
        any_of=None if where.any_of is None else tuple(map(condition, where.any_of)),
        negated=None if where.negated is None else condition(where.negated),
    )

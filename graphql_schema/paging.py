"""Connections: pages of nodes, each with its cursor."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Generic, TypeAlias, TypeVar

import strawberry

from server.adapters.store.paging import Page, PageRequest

N = TypeVar("N")
R = TypeVar("R")

First: TypeAlias = Annotated[int | None, strawberry.argument(description="How many at most: 0 to 500.")]
After: TypeAlias = Annotated[
    str | None, strawberry.argument(description="The endCursor of the page before; null for the first page.")
]


@strawberry.type(description="Where a page begins and ends.")
class PageInfo:
    """Where a page begins and ends."""

    has_next_page: bool = strawberry.field(description="Whether more follows.")
    has_previous_page: bool = strawberry.field(description="Whether something comes before.")
    start_cursor: str | None = strawberry.field(description="The cursor of the first node; null on an empty page.")
    end_cursor: str | None = strawberry.field(description="The cursor of the last node; null on an empty page.")


@strawberry.type(description="A node and its cursor.")
class Edge(Generic[N]):
    """A node and its cursor."""

    node: N = strawberry.field(description="The node.")
    cursor: str = strawberry.field(description="Its place in the listing, opaque.")


@strawberry.type(description="A page of a listing.")
class Connection(Generic[N]):
    """A page of a listing."""

    edges: list[Edge[N]] = strawberry.field(description="The nodes of this page with their cursors.")
    nodes: list[N] = strawberry.field(description="The nodes of this page.")
    page_info: PageInfo = strawberry.field(description="Where this page begins and ends.")
    counter: strawberry.Private[Callable[[], Awaitable[int]]]

    @strawberry.field(description="How many nodes the whole listing has.")
    async def total_count(self) -> int:
        """Counted only when asked for."""
        return await self.counter()


def request(first: int | None, after: str | None, default: int = 50) -> PageRequest:
    """The page that a client asks for; null means the default length."""
    return PageRequest(first=default if first is None else first, after=after)


def connection(page: Page[R], node: Callable[[R], N]) -> Connection[N]:
    """A page of rows as a page of nodes."""
    assert page.count is not None, "whoever reads many pages together says how they are counted"
    nodes = [node(row) for row in page.rows]
    cursors = list(page.cursors)
    return Connection(
        edges=[Edge(node=one, cursor=cursor) for one, cursor in zip(nodes, cursors, strict=True)],
        nodes=nodes,
        page_info=page_info(page),
        counter=page.count,
    )


def page_info(page: Page[Any]) -> PageInfo:
    """Where a page begins and ends."""
    return PageInfo(
        has_next_page=page.has_next,
        has_previous_page=page.has_previous,
        start_cursor=page.cursors[0] if page.cursors else None,
        end_cursor=page.cursors[-1] if page.cursors else None,
    )

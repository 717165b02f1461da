"""The difference of two positions in the graph: what was added, changed and removed."""

from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from graphql_schema.context import Info
from graphql_schema.enumeration import enumeration
from graphql_schema.guard import guarded
from graphql_schema.paging import After, Connection, First, connection, request
from graphql_schema.scalars import BigInt
from server.http.graphql.weight import price
from server.kernel.permission import Permission
from server.mesh.history import differences
from server.mesh.history.differences import Between, Difference

ChangeKind = enumeration(
    differences.ChangeKind,
    name="ChangeKind",
    description="What became of a thing between two positions.",
    ADDED="It stands at the later position only.",
    CHANGED="It stands at both and differs.",
    REMOVED="It stands at the earlier position only.",
)


@strawberry.type(description="A thing that differs between two positions.")
class CatalogChange:
    """A thing that differs."""

    id: strawberry.ID = strawberry.field(description="Its URN.")
    kind: ChangeKind = strawberry.field(description="What became of it.")  # type: ignore[valid-type]
    before: JSON | None = strawberry.field(
        description="Its fields at the earlier position that differ, references as URNs; all of them where it was"
        " removed, null where it was added."
    )
    after: JSON | None = strawberry.field(
        description="The same fields at the later position; all of them where it was added, null where it was removed."
    )


@strawberry.type(
    description="What differs between two positions. `before` and `after` hold the fields that changed. What changed"
    " and went back, or came and went, in between is not told."
)
class CatalogDiff:
    """Two positions."""

    between: strawberry.Private[Between]
    earlier: BigInt = strawberry.field(name="from", description="The earlier position.")
    to: BigInt = strawberry.field(description="The later position.")

    @strawberry.field(
        description="Things that differ, by URN: what a thing holds itself, not what is worked out from others. Grants"
        " and erasure requests are told to those who may see them.",
        metadata=price(20),
    )
    async def changes(self, info: Info, first: First = 50, after: After = None) -> Connection[CatalogChange]:
        """A page of changes, bound to the positions of the first page."""
        context = info.context
        page = await context.mesh.differences.page(self.between, context.caller, request(first, after))
        return connection(page, change_node)


@strawberry.type
class DiffReads:
    """Comparing positions, on the root."""

    @guarded(Permission.CATALOG, description="What differs in the catalog between two log positions.")
    async def catalog_diff(
        self,
        info: Info,
        earlier: Annotated[BigInt, strawberry.argument(name="from", description="A log position, the earlier one.")],
        to: Annotated[BigInt | None, strawberry.argument(description="The later one; null: now.")] = None,
    ) -> CatalogDiff:
        """Nothing is compared before changes are asked for."""
        head = await info.context.now()
        between = Between(since=earlier, to=to, head=head)
        return CatalogDiff(between=between, earlier=earlier, to=BigInt(head if to is None else to))


def change_node(found: Difference) -> CatalogChange:
    """A difference in the graph."""
    before: JSON | None = None if found.before is None else JSON(found.before)
    after: JSON | None = None if found.after is None else JSON(found.after)
    return CatalogChange(id=strawberry.ID(found.id), kind=found.kind, before=before, after=after)

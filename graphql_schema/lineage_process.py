"""What may be done to lineage: an edge is registered, changed, removed."""

from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from graphql_schema.context import Info
from graphql_schema.guard import mutation
from graphql_schema.lineage import LineageEdge, edge_nodes
from graphql_schema.lineage_words import ExternalKind, LineageType
from graphql_schema.payload import EVENTS, KEY, DeletePayload, Events, MutationPayload, recorded
from graphql_schema.selection import chosen
from server.kernel import lineage
from server.kernel.errors import NotFound
from server.mesh.lineage.claims import Claim
from server.mesh.lineage.facts import ColumnLink
from server.mesh.lineage.metadata import check_metadata

END = "product:<name>, dataset:<name>, or external:<namespace>/<name> with both parts percent-encoded."


@strawberry.input(description="A column of the target and what it is made of.")
class ColumnLineageInput:
    """A column of the target and what it is made of."""

    target: str = strawberry.field(description="A column of the target, in its own spelling.")
    sources: list[str] = strawberry.field(description="Columns of the source; empty for a column made of none.")


@strawberry.input(description="An edge to be registered, or changed where it stands: all of it is said anew.")
class RegisterLineageInput:
    """An edge to be registered or changed."""

    source: strawberry.ID = strawberry.field(description=f"What is used: {END}")
    target: strawberry.ID = strawberry.field(description=f"What is made of it: {END}")
    transformation: str | None = strawberry.field(
        default="", description="What happens on the way, in at most 10,000 characters."
    )
    lineage_type: LineageType | None = strawberry.field(  # type: ignore[valid-type]
        default=LineageType.DIRECT, description="How the target is made of the source."
    )
    confidence: float | None = strawberry.field(default=1.0, description="How sure that is: above 0 and at most 1.")
    metadata: JSON | None = strawberry.field(
        default=None, description="Whatever else is to be said: a JSON object of at most 16 KiB."
    )
    sql: str | None = strawberry.field(
        default=None,
        description="SQL of the transformation, at most 100,000 bytes: columns are read from it, and it is not kept.",
    )
    sql_dialect: str | None = strawberry.field(
        default=None, description="The dialect of the SQL, such as duckdb, postgres, spark; null: a general one."
    )
    columns: list[ColumnLineageInput] | None = strawberry.field(
        default=None, description="The columns by hand, in place of sql: at most 5,000 links."
    )
    source_kind: ExternalKind | None = strawberry.field(  # type: ignore[valid-type]
        default=None, description="What an external source is when it is mentioned first; DATASET unless given."
    )
    target_kind: ExternalKind | None = strawberry.field(  # type: ignore[valid-type]
        default=None, description="What an external target is when it is mentioned first; DATASET unless given."
    )
    allow_cycle: bool | None = strawberry.field(
        default=False, description="Record the edge also where it closes a loop; otherwise the loop is named."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="An edge to be removed.")
class RemoveLineageInput:
    """An edge to be removed."""

    source: strawberry.ID = strawberry.field(description="Its source, by URN.")
    target: strawberry.ID = strawberry.field(description="Its target, by URN.")
    reason: str | None = strawberry.field(default=None, description="Why.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.type(description="An edge that was registered or changed.")
class LineagePayload(MutationPayload):
    """An edge that was registered or changed."""

    edge: LineageEdge = strawberry.field(description="The edge as it now stands.")
    events: Events = strawberry.field(description=EVENTS)


@strawberry.type
class LineageMutation:
    """Registering and removing edges."""

    @mutation(
        "Says that one asset is made of another, or changes what is said of it. A loop is refused and named,"
        " unless allowCycle."
    )
    async def register_lineage(
        self, info: Info, input: Annotated[RegisterLineageInput, strawberry.argument(description="The edge.")]
    ) -> LineagePayload:
        """RegisterLineage -> LineageRegistered."""
        context = info.context
        asked = claim(input)
        intent = context.intent("registerLineage", input, input.idempotency_key)
        urn, receipt = await context.mesh.lineage_service.register(asked, intent=intent)
        row = await context.load("lineage", receipt.position, urn)
        if row is None:
            raise NotFound("the edge was removed since; register it again under a new idempotencyKey", field="source")
        (edge,) = await edge_nodes(
            info, [row], receipt.position, chosen(info, "edge", "source") | chosen(info, "edge", "target")
        )
        return LineagePayload(edge=edge, events=await recorded(info, receipt))

    @mutation("Takes an edge back.")
    async def remove_lineage(
        self, info: Info, input: Annotated[RemoveLineageInput, strawberry.argument(description="The edge.")]
    ) -> DeletePayload:
        """RemoveLineage -> LineageRemoved."""
        context = info.context
        intent = context.intent("removeLineage", input, input.idempotency_key)
        urn, receipt = await context.mesh.lineage_service.remove(
            input.source, input.target, input.reason, intent=intent
        )
        return DeletePayload(deleted_id=strawberry.ID(urn), events=await recorded(info, receipt))


def claim(given: RegisterLineageInput) -> Claim:
    """The edge that a client asks for; an explicit null means the default. Raises: BadUserInput."""
    links = given.columns
    return Claim(
        source=given.source,
        target=given.target,
        transformation=given.transformation or "",
        lineage_type=given.lineage_type or lineage.LineageType.DIRECT,
        confidence=1.0 if given.confidence is None else given.confidence,
        metadata=check_metadata(given.metadata),
        sql=given.sql,
        sql_dialect=given.sql_dialect,
        columns=None if links is None else tuple(map(link, links)),
        source_kind=given.source_kind,
        target_kind=given.target_kind,
        allow_cycle=given.allow_cycle or False,
    )


def link(given: ColumnLineageInput) -> ColumnLink:
    """A link that a client says."""
    return ColumnLink(target=given.target, sources=tuple(given.sources))

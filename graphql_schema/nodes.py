"""From a URN to the thing: `node` and `nodes`."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import strawberry

from graphql_schema import (
    batch,
    contract,
    dataset,
    deletion,
    domain,
    event_log,
    external_asset,
    grant,
    lake,
    lineage,
    product,
    run,
)
from graphql_schema.context import Info
from graphql_schema.guard import guarded
from graphql_schema.node import Node
from server.adapters.store.paging import check_first
from server.kernel.errors import BadUserInput
from server.kernel.ids import Kind, Urn
from server.kernel.permission import Permission
from server.mesh.events.queries import event_position

MAX_IDS = 100


async def find_node(info: Info, id: str) -> Node | None:
    """What a URN names now, or None. Raises: what the caller may not see."""
    kind, _, _ = id.partition(":")
    if (make := _MAKERS.get(kind)) is not None:
        position = await info.context.now()
        row = await info.context.load(kind, position, id)
        return None if row is None else make(row, position)
    find = _FINDERS.get(kind)
    return None if find is None else await find(info, Urn(id))


async def _edge(info: Info, urn: Urn) -> Node | None:
    position = await info.context.now()
    row = await info.context.load("lineage", position, urn)
    return None if row is None else await lineage.edge_node(info, row, position)


async def _grant(info: Info, urn: Urn) -> Node | None:
    info.context.require(Permission.ROWS)
    position = await info.context.now()
    row = await info.context.load("grant", position, urn)
    return None if row is None else grant.grant_node(row, position)


async def _deletion(info: Info, urn: Urn) -> Node | None:
    info.context.require(Permission.COMPLIANCE)
    position = await info.context.now()
    row = await info.context.load("deletion", position, urn)
    return None if row is None else deletion.deletion_node(row, position)


async def _run(info: Info, urn: Urn) -> Node | None:
    found = await info.context.mesh.runs.find(urn)
    return None if found is None else run.run_node(found)


async def _event(info: Info, urn: Urn) -> Node | None:
    info.context.require(Permission.AUDIT)
    position = event_position(urn)
    found = [] if position is None else await info.context.mesh.events.by_positions([position])
    return event_log.event_node(found[0]) if found else None


_MAKERS: dict[str, Callable[[Any, int], Node]] = {  # of the kind's rows
    Kind.DOMAIN: domain.domain_node,
    Kind.PRODUCT: product.product_node,
    Kind.DATASET: dataset.dataset_node,
    Kind.EXTERNAL: external_asset.external_node,
    Kind.CONTRACT: contract.contract_node,
    Kind.LAKE: lake.lake_node,
    Kind.BATCH: batch.batch_node,
}
_FINDERS: dict[str, Callable[[Info, Urn], Awaitable[Node | None]]] = {
    Kind.LINEAGE: _edge,
    Kind.GRANT: _grant,
    Kind.DELETION: _deletion,
    Kind.RUN: _run,
    Kind.EVENT: _event,
}


@strawberry.type
class NodeQuery:
    """Anything by its URN."""

    @guarded(Permission.CATALOG, description="What a URN names now, or null.")
    async def node(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The URN.")]
    ) -> Node | None:
        """One thing."""
        return await find_node(info, id)

    @guarded(Permission.CATALOG, description="What each of up to 100 URNs names now, in their order.")
    async def nodes(
        self, info: Info, ids: Annotated[list[strawberry.ID], strawberry.argument(description="The URNs.")]
    ) -> list[Node | None]:
        """Several things."""
        check_first(len(ids), limit=MAX_IDS, field="ids")
        if len(set(ids)) < len(ids):
            raise BadUserInput("ids names something twice; name each thing once", field="ids")
        return list(await asyncio.gather(*(find_node(info, id) for id in ids)))

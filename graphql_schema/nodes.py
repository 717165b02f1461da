"""From a URN to the thing: `node` and `nodes`."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

import strawberry

from graphql_schema import batch, contract, dataset, event_log, grant, run
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
    find = _FINDERS.get(kind)
    return None if find is None else await find(info, Urn(id))


async def _dataset(info: Info, urn: Urn) -> Node | None:
    position = await info.context.now()
    row = await info.context.load("dataset", position, urn)
    return None if row is None else dataset.dataset_node(row, position)


async def _contract(info: Info, urn: Urn) -> Node | None:
    position = await info.context.now()
    row = await info.context.load("contract", position, urn)
    return None if row is None else contract.contract_node(row, position)


async def _batch(info: Info, urn: Urn) -> Node | None:
    position = await info.context.now()
    row = await info.context.load("batch", position, urn)
    return None if row is None else batch.batch_node(row, position)


async def _grant(info: Info, urn: Urn) -> Node | None:
    info.context.require(Permission.ROWS)
    position = await info.context.now()
    row = await info.context.load("grant", position, urn)
    return None if row is None else grant.grant_node(row, position)


async def _run(info: Info, urn: Urn) -> Node | None:
    found = await info.context.mesh.runs.find(urn)
    return None if found is None else run.run_node(found)


async def _event(info: Info, urn: Urn) -> Node | None:
    info.context.require(Permission.AUDIT)
    position = event_position(urn)
    found = [] if position is None else await info.context.mesh.events.by_positions([position])
    return event_log.event_node(found[0]) if found else None


_FINDERS: dict[str, Callable[[Info, Urn], Awaitable[Node | None]]] = {
    Kind.DATASET: _dataset,
    Kind.CONTRACT: _contract,
    Kind.BATCH: _batch,
    Kind.GRANT: _grant,
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

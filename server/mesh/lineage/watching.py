"""Watching a neighbourhood: it is looked at anew only where an event touches it, and told only where it changed."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from server.adapters.store.feed import Feed
from server.adapters.store.log import EventQuery, StoredEvent
from server.mesh.lineage.assets import Assets
from server.mesh.lineage.facts import LineageRegistered, LineageRemoved
from server.mesh.lineage.neighbourhood import Asked, Neighbourhood
from server.mesh.lineage.queries import LineageQueries
from server.mesh.product.facts import DataProductDeleted

# The deletion of a product says so on its own stream; the events before it remove its edges.
_EVENTS = EventQuery(types=(LineageRegistered.__name__, LineageRemoved.__name__, DataProductDeleted.__name__))


async def neighbourhoods(
    lineages: LineageQueries, assets: Assets, feed: Feed, asked: Asked
) -> AsyncGenerator[Neighbourhood]:
    """The neighbourhood at the asked position, then each time that it is another one; it ends with the feed.

    Raises: NotFound, once its root is deleted.
    """
    shown = await lineages.around(asked)
    yield shown
    looked = asked.position
    members = _members(shown)
    async with aclosing(feed.after(looked, _EVENTS)) as events:
        async for event in events:
            if event.position <= looked or not _touches(event, shown, members):
                continue
            async with lineages.watchers:
                looked = await lineages.head()  # what came meanwhile is answered together
                await assets.known(asked.root, field="of", position=looked)
                found = await lineages.around(replace(asked, position=looked))
            if not found.same(shown):
                yield found
                shown, members = found, _members(found)


def _members(found: Neighbourhood) -> frozenset[str]:
    return frozenset((found.root, *(node.urn for node in found.nodes)))


def _touches(event: StoredEvent, shown: Neighbourhood, members: frozenset[str]) -> bool:
    """Whether the event may change what is shown: an edge elsewhere cannot, as long as nothing is cut."""
    if event.type == DataProductDeleted.__name__:
        return event.stream == shown.root
    return shown.left_out == "size" or event.data["source"] in members or event.data["target"] in members

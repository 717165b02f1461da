"""Typed reads of lineage: rows of edges and external assets, and what lies around an asset or between two."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import col

from server.adapters.store.listing import At, Listing
from server.adapters.store.paging import check_first
from server.adapters.store.reader import Reader
from server.kernel.errors import BadUserInput, LimitExceeded
from server.kernel.ids import Urn
from server.kernel.lineage import TYPES, LineageType
from server.kernel.record import record
from server.mesh.lineage.following.follower import LineageFollower
from server.mesh.lineage.neighbourhood import Asked, Chain, Neighbourhood, chains, survey
from server.mesh.lineage.tables import ExternalRow, LineageRow

__all__ = ["EdgeFilter", "ExternalRow", "LineageQueries", "LineageRow", "LineageSight", "edges"]

MAX_PATHS = 50
MAX_GRAPHS = 2_000  # neighbourhoods that one operation may ask for
MAX_VISITED = 1_000_000  # assets that they may hold together before the next one is refused


@record
class EdgeFilter:
    """Which edges are meant: those that match everything given."""

    source: Urn | None = None
    target: Urn | None = None
    type: LineageType | None = None


class LineageQueries:
    """Reads of lineage. `most_assets`: how many one answer lists at most."""

    def __init__(self, reader: Reader, follower: LineageFollower, most_assets: int) -> None:
        self._follower = follower
        self.most_assets = most_assets
        self.watchers = asyncio.Lock()  # those who watch look one after another: everybody else has turns in between
        self._reader = reader

    async def by_ids(self, asked: Sequence[At]) -> dict[At, LineageRow]:
        """Edges by URN and position."""
        return await self._reader.by_ids(LineageRow, asked)

    async def externals(self, asked: Sequence[At]) -> dict[At, ExternalRow]:
        """External assets by URN and position."""
        return await self._reader.by_ids(ExternalRow, asked)

    async def stood(self, head: Callable[[], Awaitable[int]]) -> int:
        """Where `head` says that the log stands; the graph takes note of it."""
        return await self._follower.stood(head)

    async def head(self) -> int:
        """The position of the log, as it stands now."""
        return (await self._follower.now()).position

    async def around(self, asked: Asked) -> Neighbourhood:
        """What lies around an asset that stands."""
        graph = await self._follower.at(asked.position)
        return await survey(graph, asked, self.most_assets)

    async def paths(self, source: Urn, target: Urn, first: int, position: int) -> list[Chain]:
        """The most trustworthy chains between two assets that stand. Raises: BadUserInput, LimitExceeded."""
        check_first(first, limit=MAX_PATHS, pages=False)
        if source == target:
            raise BadUserInput(f"from and to are both {source!r}; name two assets", field="to")
        graph = await self._follower.at(position)
        return chains(graph, source, target, first, position)


class LineageSight:
    """The neighbourhoods that one operation looks at: each is found once, and all together are bounded."""

    def __init__(self, queries: LineageQueries) -> None:
        self._queries = queries
        self._asked: set[Asked] = set()
        self._found: dict[Asked, Neighbourhood] = {}
        self._turn = asyncio.Lock()
        self._visited = 0

    def will_look(self, times: int) -> None:
        """Refuse more neighbourhoods than one operation may ask for. Raises: LimitExceeded."""
        if times > MAX_GRAPHS:
            raise LimitExceeded(
                f"the operation asks for more than {MAX_GRAPHS} lineage graphs; ask in several requests"
            )

    async def around(self, asked: Asked) -> Neighbourhood:
        """What lies around an asset that stands. Raises: LimitExceeded."""
        self._asked.add(asked)
        async with self._turn:  # one after another, so that others have a turn in between, and one refusal ends all
            self.will_look(len(self._asked))
            found = self._found.get(asked)
            if found is None:
                if self._visited > MAX_VISITED:
                    raise LimitExceeded(
                        f"the operation walks over more than {MAX_VISITED} assets; ask for fewer graphs or less depth"
                    )
                found = self._found[asked] = await self._queries.around(asked)
                self._visited += found.total
            return found


def edges(only: EdgeFilter) -> Listing[LineageRow]:
    """Edges, the one registered first before the others."""
    conditions: list[ColumnElement[bool]] = []
    if only.source is not None:
        conditions.append(col(LineageRow.source) == only.source)
    if only.target is not None:
        conditions.append(col(LineageRow.target) == only.target)
    if only.type is not None:
        conditions.append(col(LineageRow.kind) == TYPES.index(only.type))
    return Listing(
        table=LineageRow,
        key="position",
        conditions=tuple(conditions),
        parts=(only.source, only.target, only.type),
    )

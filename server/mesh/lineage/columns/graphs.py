"""Columns through the mesh: what a column is made of and what is made of it, at any position."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, TypeVar

import asyncpg
import orjson

from server.adapters.lineage.graph import LineageGraph
from server.adapters.store.listing import At
from server.adapters.store.reader import Reader
from server.adapters.store.schema_column import fields_of
from server.kernel.columns import named_column
from server.kernel.errors import BadUserInput
from server.kernel.fields import MAX_NAME, Field
from server.kernel.ids import Kind, Urn
from server.kernel.lineage import LineageDirection
from server.kernel.recorded import FOREVER
from server.mesh.dataset.queries import DatasetRow
from server.mesh.lineage.columns.links import ColumnLinks, Spell
from server.mesh.lineage.columns.walk import Affected, ColumnAt, Walked, affected, walk, without
from server.mesh.lineage.following.follower import LineageFollower
from server.mesh.product.queries import ProductRow

T = TypeVar("T")

MOST_FOLLOWED = 500  # edges that are applied one by one; behind more of them a new graph is made beside the loop

_WITH_SCHEMA: Mapping[Kind, type[DatasetRow] | type[ProductRow]] = {Kind.DATASET: DatasetRow, Kind.PRODUCT: ProductRow}
_SPELLS_SQL = """
select source, target, columns, valid_from, valid_to from lineage_edge where valid_from > $1
union all
select source, target, columns, valid_from, valid_to from lineage_edge
where valid_from <= $1 and valid_to > $1 and valid_to < $2
"""


class _Row(NamedTuple):
    source: str
    target: str
    columns: str  # JSON
    valid_from: int
    valid_to: int


class ColumnGraphs:
    """The graph of columns of this process: made at its first use, then brought up to the lineage of all assets."""

    def __init__(self, pool: asyncpg.Pool, follower: LineageFollower, reader: Reader) -> None:
        self._pool = pool
        self._follower = follower
        self._reader = reader
        self._links: ColumnLinks | None = None
        self._of: LineageGraph | None = None  # the graph of assets that it was made beside
        self._upto = 0
        self._alone = asyncio.Lock()

    async def around(self, asset: Urn, column: str, direction: LineageDirection, position: int) -> Walked:
        """The columns that feed or are fed by a column of an asset that stands. Raises: BadUserInput."""
        name = (await self.named(asset, [column], position, field="column"))[0]
        async with self._alone:
            links = await self._at(position)
            walked = await asyncio.to_thread(walk, links.graph, asset, name, direction, position)
        gone = await self._gone(walked.nodes, position)
        return without(walked, gone, direction) if gone else walked

    async def affected(self, asset: Urn, columns: Sequence[str], position: int) -> Affected:
        """The assets that a change of these columns, as `named` answers them, reaches."""
        async with self._alone:
            links = await self._at(position)
            return await asyncio.to_thread(affected, links.graph, asset, columns, position)

    async def named(self, asset: Urn, columns: Sequence[str], position: int, *, field: str) -> list[str]:
        """The columns as they are registered; any, of an external asset. Raises: BadUserInput, naming a near one."""
        schema = (await self._schemas([asset], position)).get(asset)
        if schema is None:
            if any(not 1 <= len(column) <= MAX_NAME for column in columns):
                raise BadUserInput(f"a column's name has 1 to {MAX_NAME} characters", field=field)
            return list(columns)
        try:
            return [named_column(column, schema, among=f"the schema of {asset!r}").name for column in columns]
        except BadUserInput as refused:
            raise BadUserInput(refused.message, field=field) from None

    async def _gone(self, nodes: Sequence[ColumnAt], position: int) -> frozenset[int]:
        """Places of columns that edges name, and that the schema no longer has."""
        schemas = await self._schemas({node.asset for node in nodes}, position)
        names = {asset: {field.name for field in schema} for asset, schema in schemas.items()}
        return frozenset(
            place for place, node in enumerate(nodes) if node.asset in names and node.column not in names[node.asset]
        )

    async def _schemas(self, assets: Collection[str], position: int) -> Mapping[str, tuple[Field, ...]]:
        """The registered columns of assets, at most one statement for each kind."""
        found: dict[str, tuple[Field, ...]] = {}
        for kind, table in _WITH_SCHEMA.items():
            asked = [At(asset, position) for asset in assets if asset.startswith(f"{kind}:")]
            rows = await self._reader.by_ids(table, asked) if asked else {}
            found |= {at.id: fields_of(row) for at, row in rows.items()}
        return found

    async def _at(self, position: int) -> ColumnLinks:
        """The graph, no older than the position. Nobody reads it meanwhile."""
        graph = await self._follower.at(position)
        if self._links is not None and graph is self._of and graph.last_change <= self._upto:
            return self._links
        anew = self._links is None or graph is not self._of
        since = 0 if anew else self._upto
        rows = await self._rows(since)
        if self._links is None or anew or len(rows) > MOST_FOLLOWED:
            rows = rows if anew else await self._rows(0)
            links = await asyncio.to_thread(_made, rows)
        else:
            links, self._links = self._links, None  # were it to fail halfway, it would be made anew
            links.follow(_spells(rows), since)
        self._upto = max([since, graph.last_change, *(_newest(row) for row in rows)])
        self._links, self._of = links, graph
        return links

    async def _rows(self, since: int) -> list[_Row]:
        return [_Row(*row) for row in await self._pool.fetch(_SPELLS_SQL, since, FOREVER)]


def _made(rows: Sequence[_Row]) -> ColumnLinks:
    return ColumnLinks(_spells(rows))


def _spells(rows: Sequence[_Row]) -> list[Spell]:
    return [Spell(row.source, row.target, orjson.loads(row.columns), row.valid_from, row.valid_to) for row in rows]


def _newest(row: _Row) -> int:
    return row.valid_from if row.valid_to == FOREVER else row.valid_to

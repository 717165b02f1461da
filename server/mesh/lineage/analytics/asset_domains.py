"""The domain of each asset of the graph. A dataset keeps that of its product as its own."""

import asyncpg

from server.kernel.ids import Urn

_NUMBERED_SQL = """
with owned as (
  select id, domain from product where valid_from <= $1 and valid_to > $1
  union all
  select id, domain from dataset where valid_from <= $1 and valid_to > $1 and domain is not null
)
select array_agg(a.number) as numbers, array_agg(o.domain) as domains
from owned o join lineage_asset a on a.urn = o.id
"""


class AssetDomains:
    """Reads which domains assets belong to."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def of_assets(self, position: int, count: int) -> tuple[list[Urn], list[int]]:
        """Domains by URN, and for each asset, by its number up to `count`, the place of its domain there, or -1."""
        row = await self._pool.fetchrow(_NUMBERED_SQL, position)
        numbers, domains = row["numbers"] or [], row["domains"] or []
        names = sorted(set(domains))
        places = {name: place for place, name in enumerate(names)}
        of = [-1] * count
        for number, domain in zip(numbers, domains, strict=True):
            if number < count:
                of[number] = places[domain]
        return [Urn(name) for name in names], of

"""What a thing belongs to: events about a dataset or a product also concern its product, its domain and its lake."""

from collections.abc import Callable, Collection, Mapping, Sequence
from math import inf
from time import monotonic
from typing import NamedTuple

import asyncpg

from server.kernel.ids import Kind, Urn
from server.kernel.recorded import FOREVER

_OWNERS_SQL = f"""
select id, array_remove(array[product, domain, lake], null) as owners, product is null as settled,
       lake is not null as in_lake
  from dataset
 where id = any($1::text[]) and valid_to = {FOREVER}
union all
select id, array[domain], false, false from product where id = any($1::text[]) and valid_to = {FOREVER}
"""  # noqa: S608  # a number of ours


MOST_SETTLED = 10_000  # remembered; beyond that they are asked for again
IN_NO_LAKE_SECONDS = 0.5  # how long to believe that a dataset is in none: another process may take it into one


class _Settled(NamedTuple):
    """A dataset without a product: it never gets one."""

    owners: Sequence[Urn]
    until: float  # when to ask again


class Belonging:
    """Answers what things belong to as they stand now."""

    def __init__(self, pool: asyncpg.Pool, clock: Callable[[], float] = monotonic) -> None:
        self._pool = pool
        self._clock = clock
        self._settled: dict[Urn, _Settled] = {}
        self._forgotten = 0

    async def owners(self, things: Collection[Urn]) -> Mapping[Urn, Sequence[Urn]]:
        """The products, domains and lakes of those that are datasets or products; others are left out."""
        asked = {thing for thing in things if thing.startswith((f"{Kind.DATASET}:", f"{Kind.PRODUCT}:"))}
        now = self._clock()
        found = {thing: known.owners for thing in asked if (known := self._settled.get(thing)) and now < known.until}
        if unknown := asked - found.keys():
            forgotten = self._forgotten
            for row in await self._pool.fetch(_OWNERS_SQL, list(unknown)):
                thing, owners = Urn(row["id"]), tuple(map(Urn, row["owners"]))
                found[thing] = owners
                if row["settled"] and forgotten == self._forgotten:  # else it may have been read before it moved
                    self._remember(thing, owners, inf if row["in_lake"] else now + IN_NO_LAKE_SECONDS)
        return found

    def forget(self, dataset: Urn) -> None:
        """Ask anew for a dataset that came into a lake."""
        self._forgotten += 1
        self._settled.pop(dataset, None)

    def _remember(self, thing: Urn, owners: Sequence[Urn], until: float) -> None:
        if len(self._settled) >= MOST_SETTLED:
            self._settled.clear()
        self._settled[thing] = _Settled(owners, until)

"""What a thing belongs to: events about a dataset or a product also concern its product and its domain."""

from collections.abc import Collection, Mapping, Sequence

import asyncpg

from server.kernel.ids import Kind, Urn
from server.kernel.recorded import FOREVER

_OWNERS_SQL = f"""
select id, array_remove(array[product, domain], null) as owners, product is null as settled from dataset
 where id = any($1::text[]) and valid_to = {FOREVER}
union all
select id, array[domain], false from product where id = any($1::text[]) and valid_to = {FOREVER}
"""  # noqa: S608  # a number of ours


MOST_SETTLED = 10_000  # remembered; beyond that they are asked for again


class Belonging:
    """Answers what things belong to as they stand now."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._settled: dict[Urn, Sequence[Urn]] = {}  # datasets without a product: they never get one

    async def owners(self, things: Collection[Urn]) -> Mapping[Urn, Sequence[Urn]]:
        """The products and domains of those that are datasets or products; others are left out."""
        asked = {thing for thing in things if thing.startswith((f"{Kind.DATASET}:", f"{Kind.PRODUCT}:"))}
        found = {thing: self._settled[thing] for thing in asked if thing in self._settled}
        if unknown := asked - found.keys():
            for row in await self._pool.fetch(_OWNERS_SQL, list(unknown)):
                thing, owners = Urn(row["id"]), tuple(map(Urn, row["owners"]))
                found[thing] = owners
                if row["settled"]:
                    self._remember(thing, owners)
        return found

    def _remember(self, thing: Urn, owners: Sequence[Urn]) -> None:
        if len(self._settled) >= MOST_SETTLED:
            self._settled.clear()
        self._settled[thing] = owners

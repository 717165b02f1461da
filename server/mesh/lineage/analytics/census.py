"""The mesh counted: domains, assets that nothing connects, and consumers; one statement each."""

from datetime import datetime

import asyncpg

from server.kernel.ids import Urn
from server.kernel.record import record


@record
class DomainCounts:
    """What stands in a domain. `published_rows`: those of batches that are published."""

    domain: Urn
    products: int
    active: int
    deprecated: int
    inactive: int
    datasets: int
    batches: int
    published_rows: int


@record
class ConsumerUsage:
    """What a consumer was granted, ended grants among it."""

    consumer: str
    grants: int
    batches: int
    last_granted_at: datetime


_DOMAINS_SQL = """
with products as (
  select domain, count(*) as products, count(*) filter (where status = 'ACTIVE') as active,
    count(*) filter (where status = 'DEPRECATED') as deprecated, count(*) filter (where status = 'INACTIVE') as inactive
  from product where valid_from <= $1 and valid_to > $1 group by domain
),
standing_dataset as (select id, domain from dataset where valid_from <= $1 and valid_to > $1),
datasets as (select domain, count(*) as datasets from standing_dataset group by domain),
batches as (
  select s.domain, count(*) as batches, sum(b.row_count) filter (where b.status = 'PUBLISHED')::bigint as published_rows
  from batch b join standing_dataset s on s.id = b.dataset
  where b.valid_from <= $1 and b.valid_to > $1 group by s.domain
)
select d.id as domain, coalesce(products, 0) as products, coalesce(active, 0) as active,
  coalesce(deprecated, 0) as deprecated, coalesce(inactive, 0) as inactive, coalesce(datasets, 0) as datasets,
  coalesce(batches, 0) as batches, coalesce(published_rows, 0) as published_rows
from domain d
  left join products on products.domain = d.id
  left join datasets on datasets.domain = d.id
  left join batches on batches.domain = d.id
where d.valid_from <= $1 and d.valid_to > $1
order by d.name
"""

_ORPHANS_SQL = """
select id from (
  select id from product where valid_from <= $1 and valid_to > $1
  union all
  select id from dataset where valid_from <= $1 and valid_to > $1
) asset
where not exists (select from lineage_edge e where e.source = asset.id and e.valid_from <= $1 and e.valid_to > $1)
  and not exists (select from lineage_edge e where e.target = asset.id and e.valid_from <= $1 and e.valid_to > $1)
order by id collate "C" limit $2
"""

_CONSUMERS_SQL = """
select consumer, count(*) as grants, count(distinct batch) as batches, max(granted_at) as last_granted_at
from consumption_grant where valid_from <= $1 and valid_to > $1
group by consumer order by count(*) desc, consumer collate "C" limit $2
"""


class Census:
    """Counts what stands at a position."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def domains(self, position: int) -> list[DomainCounts]:
        """Every domain with what stands in it, by name."""
        return [DomainCounts(**dict(row)) for row in await self._pool.fetch(_DOMAINS_SQL, position)]

    async def orphans(self, position: int, first: int) -> list[Urn]:
        """Products and datasets that no edge mentions, by URN."""
        return [Urn(row["id"]) for row in await self._pool.fetch(_ORPHANS_SQL, position, first)]

    async def consumers(self, position: int, first: int) -> list[ConsumerUsage]:
        """Consumers by how many grants they were given, most first, then by name."""
        return [ConsumerUsage(**dict(row)) for row in await self._pool.fetch(_CONSUMERS_SQL, position, first)]

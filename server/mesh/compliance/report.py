"""Reports on lakes: what stood and what happened in a period, counted on the read tables."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import asyncpg

from server.adapters.store.listing import At
from server.adapters.store.paging import check_first
from server.kernel.record import record
from server.mesh.compliance.period import Period, Reach, reaches

_FIGURES_SQL = """
select a.lake, a.position, stood.*, asked.*, accesses.*
  from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[]) a(lake, position, after, upto)
 cross join lateral (
   select count(*) as datasets, count(*) filter (where d.contains_pii) as datasets_with_pii
     from dataset d where d.lake = a.lake and d.valid_from <= a.upto and d.valid_to > a.upto
 ) stood
 cross join lateral (
   select count(*) filter (where g.position > a.after) as requested,
          count(*) filter (where g.completed_position > a.after) as completed,
          count(*) filter (where g.status = 'REJECTED' and g.valid_from > a.after) as rejected,
          count(*) filter (where g.status = 'PENDING') as pending,
          count(*) filter (where g.status = 'OVERDUE') as overdue,
          count(*) filter (where g.status = 'HELD') as held,
          (avg(extract(epoch from g.completed_at - g.requested_at))
             filter (where g.completed_position > a.after) / 3600)::float8 as average_completion_hours
     from gdpr_deletion g where g.lake = a.lake and g.valid_from <= a.upto and g.valid_to > a.upto
 ) asked
 cross join lateral (
   select count(*) as access_events
     from access_record r where r.lake = a.lake and r.position > a.after and r.position <= a.upto
 ) accesses
"""

_MOST_SQL = """
select a.lake, a.position, most.key, most.number
  from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[]) a(lake, position, after, upto)
 cross join lateral (
   select r.{column} as key, count(*) as number
     from access_record r where r.lake = a.lake and r.position > a.after and r.position <= a.upto
    group by r.{column} order by number desc, r.{column} collate "C" limit $5
 ) most
 order by most.number desc, most.key collate "C"
"""


@record
class Figures:
    """A lake's report. Requests, completions, rejections and accesses are of the period, the others of its end."""

    reach: Reach
    datasets: int
    datasets_with_pii: int
    requested: int
    completed: int
    rejected: int
    pending: int
    overdue: int
    held: int
    average_completion_hours: float | None
    access_events: int


_COUNTED = tuple(name for name in Figures.__dataclass_fields__ if name != "reach")  # as the statement names them


class AccessBy(StrEnum):
    """By what accesses are counted: columns of the access log."""

    DATASET = "dataset"
    ACCESSOR = "accessor"


@record
class Accesses:
    """How often something was read, or somebody read."""

    key: str
    count: int


class Reports:
    """Counts for many lakes at once, each at its own position; two statements however many."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def figures(self, period: Period, asked: Sequence[At]) -> Mapping[At, Figures]:
        """The report of each lake. Raises: BadUserInput."""
        found = await self._reaches(period, asked)
        rows = await self._pool.fetch(_FIGURES_SQL, *_places(found))
        return {
            (at := At(row["lake"], row["position"])): Figures(reach=found[at], **{name: row[name] for name in _COUNTED})
            for row in rows
        }

    async def most(
        self, by: AccessBy, first: int, period: Period, asked: Sequence[At]
    ) -> Mapping[At, Sequence[Accesses]]:
        """What was read most in each lake, or who read most: up to `first`, the most first, then by key.

        Raises: BadUserInput, LimitExceeded.
        """
        limit = check_first(first, pages=False)
        places = _places(await self._reaches(period, asked))
        rows = await self._pool.fetch(_MOST_SQL.format(column=by.value), *places, limit)
        found: dict[At, list[Accesses]] = {at: [] for at in asked}
        for row in rows:
            found[At(row["lake"], row["position"])].append(Accesses(key=row["key"], count=row["number"]))
        return found

    async def _reaches(self, period: Period, asked: Sequence[At]) -> dict[At, Reach]:
        found = await reaches(self._pool, period, {at.position for at in asked})
        return {at: found[at.position] for at in asked}


def _places(found: Mapping[At, Reach]) -> tuple[list[Any], ...]:  # texts, then numbers
    return (
        [at.id for at in found],
        [at.position for at in found],
        [reach.after for reach in found.values()],
        [reach.upto for reach in found.values()],
    )

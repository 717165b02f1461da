"""Periods as positions of the log: what lies between two instants, for whoever knows the log up to a position."""

from collections.abc import Collection
from datetime import datetime

import asyncpg

from server.kernel.errors import BadUserInput
from server.kernel.record import record

# `known_until`: when the next event was recorded, or now; up to there the position says how things stood.
_REACH_SQL = """
select p.position,
       coalesce((select e.position from events e where e.recorded_at < $2::timestamptz
                  order by e.recorded_at desc, e.position desc limit 1), 0) as after,
       case when $3::timestamptz is null then p.position else least(p.position, coalesce((
                 select e.position from events e where e.recorded_at <= $3::timestamptz
                  order by e.recorded_at desc, e.position desc limit 1), 0)) end as upto,
       coalesce((select e.recorded_at from events e where e.position = p.position), 'epoch') as instant,
       coalesce(later.recorded_at, clock_timestamp()) as known_until,
       later.position is null as newest
  from unnest($1::bigint[]) p(position)
  left join events later on later.position = p.position + 1
"""


@record
class Period:
    """From an instant to an instant, both included; None: from the beginning, to the position that is asked about."""

    since: datetime | None = None
    to: datetime | None = None


@record
class Reach:
    """A period as positions: events behind `after` and up to `upto`. `to`: the instant that it reaches."""

    after: int
    upto: int
    to: datetime


async def reaches(pool: asyncpg.Pool, period: Period, positions: Collection[int]) -> dict[int, Reach]:
    """The period as each of these positions knows it. Raises: BadUserInput."""
    rows = await pool.fetch(_REACH_SQL, list(positions), period.since, period.to)
    return {row["position"]: _reach(period, row) for row in rows}


def _reach(period: Period, row: asyncpg.Record) -> Reach:
    since, to = period.since, _to(period, row)
    if since is not None and since > to:
        raise BadUserInput(
            f"from {since.isoformat()} lies after {to.isoformat()}, where the period ends; give an earlier from",
            field="from",
        )
    return Reach(after=row["after"], upto=row["upto"], to=to)


def _to(period: Period, row: asyncpg.Record) -> datetime:
    """Where the period ends: where it was asked to, but no later than the position knows."""
    known_until: datetime = row["known_until"]
    if period.to is not None and period.to < known_until:
        return period.to
    end: datetime = known_until if row["newest"] and period.to is not None else row["instant"]
    if period.since is not None and end < period.since < known_until:
        return period.since  # nothing has happened since, and that is known
    return end

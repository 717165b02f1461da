"""What became of the lineage since a position: new assets, and edges that began or ended, in order."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import asyncpg

from server.adapters.lineage.graph import EdgeChange
from server.kernel.record import record
from server.kernel.recorded import FOREVER
from server.mesh.lineage.following.standing import VERSION_SQL, Standing

MOST = 50_000  # intervals that are followed one by one; behind more of them, loading anew is quicker

# One row, so that all of it comes from one snapshot.
_CHANGES_SQL = f"""
select h.position, h.hash, {VERSION_SQL} as version,
  (select coalesce(array_agg(urn order by number), '{{}}') from lineage_asset where number >= $2::int) as urns,
  changed.*
from event_head h, (
  select array_agg(source_number) as source, array_agg(target_number) as target, array_agg(kind) as kind,
    array_agg(confidence) as confidence, array_agg(valid_from) as valid_from, array_agg(valid_to) as valid_to
  from (
    select source_number, target_number, kind, confidence, valid_from, valid_to from lineage_edge
    where valid_from > $1::bigint
    union all
    select source_number, target_number, kind, confidence, valid_from, valid_to from lineage_edge
    where valid_from <= $1 and valid_to > $1 and valid_to < {FOREVER}
    limit {MOST + 1}
  ) each
) changed
"""  # noqa: S608  # the numbers are ours


class Row(NamedTuple):
    """An interval of an edge, as it stands in the read table."""

    source: int
    target: int
    kind: int
    confidence: float
    valid_from: int
    valid_to: int


class Move(NamedTuple):
    """What happened to an edge at a position: its interval began there, or ended."""

    position: int
    begins: bool
    row: Row


@record
class Changes:
    """What came after a position, up to `standing`. `urns`: the assets from the number on that was asked for."""

    standing: Standing
    urns: Sequence[str]
    moves: Sequence[Move]


async def changes_since(pool: asyncpg.Pool, position: int, assets: int) -> Changes | None:
    """What a graph with so many assets lacks that reflects `position`; None where it lacks too much."""
    row = await pool.fetchrow(_CHANGES_SQL, position, assets)
    assert row is not None, "the head is one row"
    columns = (row["source"] or (), row["target"] or (), row["kind"] or (), row["confidence"] or ())
    bounds = (row["valid_from"] or (), row["valid_to"] or ())
    if len(bounds[0]) > MOST:
        return None
    moves = in_order(map(Row, *columns, *bounds), position)
    stands = Standing(position=row["position"], hash=row["hash"], version=row["version"])
    return Changes(standing=stands, urns=row["urns"], moves=moves)


def in_order(rows: Iterable[Row], position: int) -> list[Move]:
    """Each beginning and each end after `position`; at one position the ends come first."""
    moves: list[Move] = []
    for row in rows:
        if row.valid_from > position:
            moves.append(Move(row.valid_from, True, row))
        if row.valid_to < FOREVER:
            moves.append(Move(row.valid_to, False, row))
    moves.sort(key=lambda move: move[:2])
    return moves


def portions(moves: Sequence[Move], most: int) -> Iterator[list[EdgeChange]]:
    """The moves as a graph applies them, up to `most` at a time; an interval is in a portion once."""
    for first in range(0, len(moves), most):
        last: dict[tuple[int, int, int], EdgeChange] = {}
        for _, begins, row in moves[first : first + most]:
            source, target, kind, confidence, valid_from, valid_to = row
            last[source, target, valid_from] = EdgeChange(
                source=source,
                target=target,
                kind=kind,
                confidence=confidence,
                valid_from=valid_from,
                valid_to=FOREVER if begins else valid_to,
            )
        yield list(last.values())

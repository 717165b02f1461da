"""Verification: the hash chain recomputed from the events."""

import asyncpg

from server.kernel.errors import BadUserInput
from server.kernel.record import record

CHUNK = 10_000  # events; each chunk needs only the hash before it

_CHUNK_SQL = """
with chunk as (
  select position, hash, stream, version, type, recorded_at, data, meta,
         lag(hash, 1, $3::bytea) over (order by position) as previous,
         row_number() over (order by position) + $1 as due
  from events where position > $1 and position <= $2)
select count(*) as checked,
       min(due) filter (where position <> due
         or hash <> event_hash(previous, position, stream, version, type, recorded_at, data, meta)) as broken,
       (select hash from chunk order by position desc limit 1) as last
from chunk
"""


@record
class Verification:
    """What was found. `checked` counts events; `head` is the hash of the last one, hex."""

    checked: int
    first_broken: int | None
    head: str

    @property
    def intact(self) -> bool:
        """Whether every event checked is as it was recorded."""
        return self.first_broken is None


async def verify(pool: asyncpg.Pool, from_position: int = 0) -> Verification:
    """Recompute the chain after `from_position` up to the head, in one snapshot of the database.

    A missing event is reported at its own position; a missing end at the position after the last event.
    Raises: BadUserInput for what is no position of the log.
    """
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        head = await connection.fetchrow("select position, hash from event_head")
        if not 0 <= from_position <= head["position"]:
            raise BadUserInput(
                f"fromPosition {from_position} is no position of the log; give 0 to {head['position']}",
                field="fromPosition",
            )
        previous = await connection.fetchval("select hash from events where position = $1", from_position)
        if previous is None:
            previous = bytes(32)
        checked = 0
        for start in range(from_position, head["position"], CHUNK):
            upto = min(start + CHUNK, head["position"])
            row = await connection.fetchrow(_CHUNK_SQL, start, upto, previous)
            checked += row["checked"]
            broken = row["broken"]
            if broken is not None or row["checked"] < upto - start:
                first = min(p for p in (broken, start + row["checked"] + 1) if p is not None)
                return Verification(checked=checked, first_broken=first, head=head["hash"].hex())
            previous = row["last"]
        beyond = await connection.fetchval("select min(position) from events where position > $1", head["position"])
        if beyond is None and previous != head["hash"]:
            beyond = head["position"]
        return Verification(checked=checked, first_broken=beyond, head=head["hash"].hex())

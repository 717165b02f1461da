"""Checkpoints by position: what was signed of the log's head."""

from datetime import datetime

import asyncpg

from server.adapters.store.paging import Cursor, Page, PageRequest, check_first, decode_cursor, fingerprint
from server.kernel.record import record

_LISTING = fingerprint("checkpoints")
_PAGE = """
select position, hash, at, signature, public_key from checkpoint where position > $1 order by position limit $2"""
_COUNT = "select count(*) from checkpoint"


@record
class SignedHead:
    """A checkpoint as the table has it. `hash`: hex; `signature`, `public_key`: base64."""

    position: int
    hash: str
    at: datetime
    signature: str
    public_key: str


class CheckpointQueries:
    """Reads of the table of checkpoints."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def page(self, request: PageRequest) -> Page[SignedHead]:
        """Checkpoints, oldest first. Raises: BadUserInput, LimitExceeded."""
        first = check_first(request.first)
        after = 0 if request.after is None else decode_cursor(request.after, _LISTING, int).key
        found = [
            SignedHead(
                position=row["position"],
                hash=row["hash"].hex(),
                at=row["at"],
                signature=row["signature"],
                public_key=row["public_key"],
            )
            for row in await self._pool.fetch(_PAGE, after, first + 1)
        ]
        shown = found[:first]
        return Page(
            rows=shown,
            cursors=[Cursor(listing=_LISTING, position=0, key=one.position).encode() for one in shown],
            has_next=len(found) > first,
            has_previous=after > 0,
            position=0,
            count=self._count,
        )

    async def _count(self) -> int:
        return int(await self._pool.fetchval(_COUNT))

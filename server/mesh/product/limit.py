"""How many data products there may be: exact, whichever server processes register them."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import asyncpg

from server.adapters.store.locks import locked
from server.kernel.errors import LimitExceeded
from server.kernel.recorded import FOREVER

LOCK = "number of data products"
TOGETHER = 32  # registrations that a process has under way at one moment
NEAR = 8 * TOGETHER  # more than all servers together have under way

_HEAD_SQL = "select position from event_head"
_COUNT_SQL = f"""
select (select position from event_head) as position,
       (select count(*) from product where valid_to = {FOREVER}) as products
"""  # noqa: S608  # a number of ours


class ProductLimit:
    """Keeps the number of products at or below `most`."""

    def __init__(self, pool: asyncpg.Pool, most: int) -> None:
        self._pool = pool
        self._most = most
        self._counted = 0
        self._counted_at: int | None = None
        self._room = asyncio.Semaphore(TOGETHER)
        self._alone = asyncio.Lock()  # one of this process at a time asks for the lock that all processes share

    @asynccontextmanager
    async def kept(self) -> AsyncGenerator[None]:
        """Around a registration: near the limit they come one at a time. Raises: LimitExceeded."""
        async with self._room:
            if await self._far():
                yield
                return
            async with self._alone, locked(self._pool, LOCK):
                yield

    async def check(self) -> None:
        """Refuse one more product where there is no room, within `kept`. Raises: LimitExceeded."""
        if not await self._far() and self._counted >= self._most:
            raise LimitExceeded(
                f"there are {self._counted} data products, and {self._most} are allowed; delete one, or raise"
                " MAX_PRODUCTS",
                limit=self._most,
            )

    async def _far(self) -> bool:
        """Whether the limit is far; where it is not, they were counted just now.

        Each position behind a count is one product more at most, so that few counts are needed.
        """
        if await self._at_most() + NEAR < self._most:
            return True
        await self._count()
        return self._counted + NEAR < self._most

    async def _at_most(self) -> int:
        head = int(await self._pool.fetchval(_HEAD_SQL))
        if self._counted_at is None or head < self._counted_at:  # the database was put back to a backup
            await self._count()
            return self._counted
        return self._counted + head - self._counted_at

    async def _count(self) -> None:
        row = await self._pool.fetchrow(_COUNT_SQL)
        self._counted, self._counted_at = row["products"], row["position"]

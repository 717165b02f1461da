"""Attempts: the numbers of files, given out by Postgres so that no two workers ever write one key."""

import asyncpg


class Attempts:
    """A counter for the whole lake."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def next(self) -> int:
        """A number that nobody has had."""
        return int(await self._pool.fetchval("select nextval('attempt')"))

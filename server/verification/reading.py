"""The log as the database shows it, in one snapshot: plain columns, no function that its owner could replace."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from .claims import Claim
from .finding import Unreadable

CHUNK = 2_000  # events: the next ones come over while these are looked at

# Up to the last of CHUNK positions, so that positions that stand there twice come in one piece.
EVENTS = """
select position, coalesce(stream, ''), nullif(lower(stream), stream), coalesce(version, 0), coalesce(type, ''),
       coalesce(data, 'null'), coalesce(meta, 'null'), coalesce(recorded_at, 'epoch'), coalesce(hash, '')
  from events
 where position > $1 and position <= (
   select max(position) from (select position from events where position > $1 order by position limit $2) next)
 order by position"""
_HEAD = "select position, hash from event_head"
_HASH = "select hash from events where position = $1"
_ASTRAY = "select count(*) from events where position is null or position < 1"
_KIND = "select relkind::text from pg_class where oid = to_regclass('events')"
_GUARD = """
select count(*) from pg_trigger
 where tgrelid = to_regclass('events') and tgname = 'events_are_final' and tgenabled in ('O', 'A')"""
_TABLE = "select to_regclass('checkpoint') is not null"
_CHECKPOINTS = "select position, hash, at, signature, public_key from checkpoint order by position"
# Names mean those of the system first, and nothing is hidden from us by a policy without our being told.
_SETTINGS = "set local search_path = pg_catalog, public; set local row_security = off"
_SINCE = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """What the head row says of the last event."""

    position: int
    hash: bytes


class Snapshot:
    """The database at one moment."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def heads(self) -> list[Head]:
        """The head row: one, or the database is not as it was made. Raises: Unreadable."""
        if await self._connection.fetchval(_KIND) is None:
            raise Unreadable("this database holds no log: there is no table of events")
        return [Head(position=row[0], hash=row[1]) for row in await self._connection.fetch(_HEAD)]

    async def hash_at(self, position: int) -> bytes | None:
        """The stored hash of an event."""
        found: bytes | None = await self._connection.fetchval(_HASH, position)
        return found

    async def astray(self) -> int:
        """How many events stand at no position of a log."""
        return int(await self._connection.fetchval(_ASTRAY) or 0)

    async def plain(self) -> bool:
        """Whether the events are a table, not a view of something."""
        return bool(await self._connection.fetchval(_KIND) == "r")

    async def guarded(self) -> bool:
        """Whether the trigger that refuses changes is on."""
        return bool(await self._connection.fetchval(_GUARD))

    async def events(self, after: int) -> AsyncGenerator[list[Any]]:
        """The rows of EVENTS behind a position; the next ones are on their way while some are looked at."""
        rows = await self._connection.fetch(EVENTS, after, CHUNK)
        while rows:
            coming = asyncio.create_task(self._connection.fetch(EVENTS, rows[-1][0], CHUNK))
            await asyncio.sleep(0)  # the question goes out before the work on this answer begins
            try:
                yield rows
            except BaseException:
                coming.cancel()
                raise
            rows = await coming

    async def checkpoints(self) -> list[Claim] | None:
        """The rows of the table of checkpoints; None where there is no such table."""
        if not await self._connection.fetchval(_TABLE):
            return None
        return [
            Claim(
                position=row["position"],
                hash=row["hash"].hex(),
                at=(_SINCE + timedelta(microseconds=row["at"][0])).isoformat(),
                signature=row["signature"],
                public_key=row["public_key"],
            )
            for row in await self._connection.fetch(_CHECKPOINTS)
        ]


@asynccontextmanager
async def snapshot(dsn: str) -> AsyncGenerator[Snapshot]:
    """Read, and only read, the database as it stands now. Raises: Unreadable."""
    try:
        connection = await asyncpg.connect(dsn)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Unreadable(f"the database does not answer ({type(error).__name__}): {error}") from error
    try:
        await connection.set_type_codec(
            "timestamptz", schema="pg_catalog", format="tuple", encoder=_as_it_is, decoder=_as_it_is
        )
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute(_SETTINGS)
            yield Snapshot(connection)
    except asyncpg.PostgresError as error:
        raise Unreadable(f"the database cannot be read as a log: {error}") from error
    finally:
        await connection.close()


def _as_it_is(value: Any) -> Any:  # microseconds since 2000, in a tuple: also those that no calendar holds
    return value

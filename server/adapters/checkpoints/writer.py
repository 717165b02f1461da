"""Writing checkpoints: first into the file, then into storage, then into the table, by one process at a time."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import asyncpg

from server.adapters.checkpoints.file import CheckpointFile
from server.adapters.checkpoints.rotation import settle
from server.adapters.checkpoints.signing import CheckpointKey
from server.adapters.checkpoints.statement import Checkpoint, sign_checkpoint, written
from server.adapters.runs.queue import Connection
from server.adapters.storage import layout
from server.adapters.storage.port import ObjectExists, Storage
from server.kernel.errors import PreconditionFailed
from server.kernel.record import record

_DUE = """
select h.position as head, coalesce(c.position, 0) as signed, c.at
  from event_head h left join (select position, at from checkpoint order by position desc limit 1) c on true"""
_ALONE = "select pg_try_advisory_xact_lock(hashtextextended('checkpoint', 0))"
_HEAD = """
select h.position, e.hash from event_head h join events e using (position) where e.hash = h.hash"""
_HASH = "select hash from events where position = $1"
_SIGNED = "select coalesce(max(position), 0) from checkpoint"
_KEEP = """
insert into checkpoint (position, hash, at, signature, public_key) values ($1, $2, $3, $4, $5)
on conflict (position) do nothing"""
_ROWS = "select position, hash, at, signature, public_key from checkpoint order by position"


class Contradiction(PreconditionFailed):
    """The log is not the one that the last checkpoint signed."""


@record
class Pace:
    """A checkpoint is due after so many events, or after so many seconds where anything is new."""

    events: int
    seconds: float


class Checkpoints:
    """The checkpoints of a log. They follow its head; no append waits for them."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        file: CheckpointFile,
        key: CheckpointKey,
        storage: Storage,
        pace: Pace,
        clock: Callable[[], datetime],
    ) -> None:
        self._pool = pool
        self._file = file
        self._key = key
        self._storage = storage
        self._pace = pace
        self._clock = clock

    async def write_if_due(self) -> Checkpoint | None:
        """Write one if it is time. Raises: Contradiction."""
        due = await self._pool.fetchrow(_DUE)
        new = due["head"] - due["signed"]
        if new <= 0:
            return None
        age = -1.0 if due["at"] is None else (self._clock() - due["at"]).total_seconds()
        resting = 0 <= age < self._pace.seconds  # a clock that went back ends the rest
        return None if resting and new < self._pace.events else await self.write()

    async def write(self) -> Checkpoint | None:
        """Sign the head unless that is done, or another process is at it; complete what a crash left undone.

        Raises: Contradiction.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            if not await connection.fetchval(_ALONE):
                return None
            rows = await connection.fetchval(_SIGNED)
            known = await asyncio.to_thread(self._last)
            if known is None and rows:
                known = await self._refill(connection)
            head = await self._head(connection, known)
            signed = known.position if known else 0
            new = None if head is None or head[0] <= signed else head
            told = await asyncio.to_thread(self._told, rows, new)
            for checkpoint in told:
                values = (bytes.fromhex(checkpoint.hash), datetime.fromisoformat(checkpoint.at))
                await connection.execute(
                    _KEEP, checkpoint.position, *values, checkpoint.signature, checkpoint.public_key
                )
        return None if new is None else told[-1]

    async def _head(self, connection: Connection, known: Checkpoint | None) -> tuple[int, str] | None:
        """The position and hash to sign; None for an empty log. Raises: Contradiction."""
        if known is not None:
            stands = await connection.fetchval(_HASH, known.position)
            if stands is None or stands.hex() != known.hash:
                raise Contradiction(
                    f"position {known.position} of the log is not what its checkpoint signed: run 'lakemesh verify';"
                    " after a restored backup, move the files of checkpoints aside and keep them"
                )
        head = await connection.fetchrow(_HEAD)
        if head is not None:
            return head["position"], head["hash"].hex()
        if await connection.fetchval("select position from event_head"):
            raise Contradiction("the head of the log is not its last event: run 'lakemesh verify'")
        return None

    async def _refill(self, connection: Connection) -> Checkpoint | None:
        """The file anew from the table, where it is gone."""
        kept = [
            Checkpoint(
                position=row["position"],
                hash=row["hash"].hex(),
                at=row["at"].astimezone(UTC).isoformat(),
                signature=row["signature"],
                public_key=row["public_key"],
            )
            for row in await connection.fetch(_ROWS)
        ]
        return await asyncio.to_thread(self._fill, kept)

    def _fill(self, kept: Sequence[Checkpoint]) -> Checkpoint | None:
        with self._file.alone():
            if self._file.last() is None:
                for checkpoint in kept:
                    self._file.append(checkpoint)
            return self._file.last()

    def _last(self) -> Checkpoint | None:
        with self._file.alone():
            return self._file.last()

    def _told(self, rows: int, head: tuple[int, str] | None) -> list[Checkpoint]:
        """Every checkpoint that the file has and the table, which ends at `rows`, has not; the new one too."""
        with self._file.alone():
            settle(self._key, self._file)
            if head is not None:
                self._file.append(sign_checkpoint(self._key, *head, self._clock()))
            told = self._file.after(rows)
        for checkpoint in told:
            self._store(checkpoint)
        return told

    def _store(self, checkpoint: Checkpoint) -> None:
        staged = self._storage.staging()
        try:
            staged.write_bytes(written(checkpoint, "") + b"\n")
            with suppress(ObjectExists):
                self._storage.commit(staged, layout.checkpoint(checkpoint.position))
        finally:
            staged.unlink(missing_ok=True)

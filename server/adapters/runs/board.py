"""The board of runs: start one, wait for it, look at it, list them."""

import asyncio
import uuid
from collections.abc import AsyncGenerator

import asyncpg
import orjson

from server.adapters.runs.admission import admit, admit_run, lock_dataset
from server.adapters.runs.queue import Connection
from server.adapters.runs.run import (
    RUN_COLUMNS,
    Run,
    RunCursor,
    RunFilter,
    RunPage,
    RunRequest,
    run_from_row,
    run_uuid,
    unknown_run,
)
from server.adapters.runs.signals import NOTIFY, RunSignals, woken
from server.adapters.runs.tables import BATCH_TAKEN, REPLAY_TAKEN
from server.kernel.errors import AlreadyExists, Conflict, PreconditionFailed, Refused
from server.kernel.ids import Urn

POLL_SECONDS = 1.0  # while nobody listens, a change is seen so late at most
LISTENING_POLL_SECONDS = 30.0  # a connection that died without a word is found out by this

_INSERT = f"""
insert into process_run (id, kind, status, dataset, batch_id, actor, correlation_id, command_key, input_digest, payload)
values ($1, $2, 'QUEUED', $3, $4, $5, $6, $7, $8, $9::text::jsonb)
on conflict (command_key) do nothing
returning {RUN_COLUMNS}"""  # noqa: S608 - nothing but the columns' names is put in

_BY_KEY = f"select {RUN_COLUMNS}, input_digest from process_run where command_key = $1"  # noqa: S608 - as above
_BY_ID = f"select {RUN_COLUMNS} from process_run where id = $1"  # noqa: S608 - as above

_MATCHES = """
($1::text is null or kind = $1) and ($2::text is null or status = $2)
and ($3::text is null or dataset = $3) and ($4::text is null or lower(batch_id) = lower($4))"""

_COUNT = f"select count(*) from process_run where {_MATCHES}"  # noqa: S608 - every value is a parameter
_PAGE = f"""
select {RUN_COLUMNS} from process_run
 where {_MATCHES} and ($5::timestamptz is null or (created_at, id) > ($5, $6::uuid))
 order by created_at, id limit $7"""  # noqa: S608 - every value is a parameter

_LATEST = f"""
select {RUN_COLUMNS} from process_run where {_MATCHES}
 order by created_at desc, id desc limit 1"""  # noqa: S608 - every value is a parameter


class RunBoard:
    """What mutations and queries know of runs."""

    def __init__(self, pool: asyncpg.Pool, signals: RunSignals) -> None:
        self._pool = pool
        self._signals = signals

    async def start(self, request: RunRequest) -> Run:
        """Start a run, or answer the one that the same command started before, as it now stands.

        Raises: Conflict where the key stands for another input; AlreadyExists where a run is appending the batch;
        PreconditionFailed where a run is replaying the dataset.
        """
        try:
            return await self._insert(request)
        except asyncpg.UniqueViolationError as error:
            taken = getattr(error, "constraint_name", None)  # asyncpg sets it from what Postgres sent
            if taken not in (BATCH_TAKEN, REPLAY_TAKEN):
                raise
            # Of two equal commands at the same instant, the second may meet the batch before it meets the key.
            if (run := await self._repeated(self._pool, request.command_key, request.input_digest)) is not None:
                return run
            raise _taken(request, taken) from None

    async def find(self, command_key: str, input_digest: bytes) -> Run | None:
        """The run that a command with this key started. Raises: Conflict where the key stands for another input."""
        return await self._repeated(self._pool, command_key, input_digest)

    async def wait(self, run_id: Urn, seconds: float) -> Run:
        """The run when it has ended, or as it stands after `seconds`. Raises: NotFound."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        with self._signals.watch(run_id) as changed:
            while True:
                changed.clear()  # before the look, or a change is missed
                run = await self.get(run_id)
                left = deadline - loop.time()
                if run.finished or left <= 0:
                    return run
                await woken(changed, min(left, self._patience))

    async def changes(self, run_id: Urn) -> AsyncGenerator[Run, None]:
        """The run now and after every change to its end; changes in quick succession come as one. Raises: NotFound."""
        seen: Run | None = None
        with self._signals.watch(run_id) as changed:
            while seen is None or not seen.finished:
                changed.clear()
                run = await self.get(run_id)
                if run == seen:
                    await woken(changed, self._patience)
                else:
                    seen = run
                    yield run

    async def get(self, run_id: Urn) -> Run:
        """The run as it stands. Raises: NotFound."""
        row = await self._pool.fetchrow(_BY_ID, run_uuid(run_id))
        if row is None:
            raise unknown_run(run_id)
        return run_from_row(row)

    async def list(self, only: RunFilter, *, first: int, after: RunCursor | None = None) -> RunPage:
        """At most `first` matching runs behind `after`, oldest first."""
        place = (None, None) if after is None else (after.created_at, run_uuid(after.id))
        rows = await self._pool.fetch(_PAGE, *_terms(only), *place, first + 1)
        return RunPage(runs=tuple(run_from_row(row) for row in rows[:first]), has_more=len(rows) > first)

    async def latest(self, only: RunFilter) -> Run | None:
        """The newest of the matching runs."""
        row = await self._pool.fetchrow(_LATEST, *_terms(only))
        return None if row is None else run_from_row(row)

    async def count(self, only: RunFilter) -> int:
        """How many runs match."""
        return int(await self._pool.fetchval(_COUNT, *_terms(only)))

    @property
    def _patience(self) -> float:
        return LISTENING_POLL_SECONDS if self._signals.listening else POLL_SECONDS

    async def _insert(self, request: RunRequest) -> Run:
        async with self._pool.acquire() as connection, connection.transaction():
            await lock_dataset(connection, request.dataset)
            row = await connection.fetchrow(
                _INSERT,
                uuid.uuid4(),
                request.kind.value,
                request.dataset,
                request.batch_id,
                request.actor,
                request.correlation_id,
                request.command_key,
                request.input_digest,
                orjson.dumps(request.payload).decode(),
            )
            if row is None:
                repeated = await self._repeated(connection, request.command_key, request.input_digest)
                assert repeated is not None, "runs are not deleted while their key can be used"
                return repeated
            if request.dataset is None:
                await admit_run(connection, row["id"], request.kind)
            else:
                await admit(connection, request.dataset)
            await connection.execute(NOTIFY, row["id"])
        return run_from_row(row)

    @staticmethod
    async def _repeated(source: asyncpg.Pool | Connection, command_key: str | None, input_digest: bytes) -> Run | None:
        row = await source.fetchrow(_BY_KEY, command_key)
        if row is None:
            return None
        if row["input_digest"] != input_digest:
            raise Conflict(
                "this idempotency key was used for another input; take a new key for a new command",
                field="idempotencyKey",
            )
        return run_from_row(row)


def _taken(request: RunRequest, constraint: str) -> Refused:
    if constraint == REPLAY_TAKEN and request.dataset is not None:
        return PreconditionFailed(f"a replay of {request.dataset!r} is under way; wait for it to end")
    return AlreadyExists(
        f"batch {request.batch_id!r} is being appended by another run; wait for it or choose another id",
        field="batchId",
    )


def _terms(only: RunFilter) -> tuple[str | None, str | None, str | None, str | None]:
    return only.kind, only.status, only.dataset, only.batch

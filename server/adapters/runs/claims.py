"""A worker's hold on its runs: taken with their jobs, fenced by the attempt's number, given up in one transaction."""

import uuid
from collections.abc import Collection, Iterable
from typing import Any

import asyncpg
import orjson
from pgqueuer.domain.models import Job

from server.adapters.runs import queue
from server.adapters.runs.admission import admit, lock_dataset
from server.adapters.runs.run import RUN_COLUMNS, ProcessKind, Run, RunStatus, run_from_row, run_uuid
from server.adapters.runs.signals import NOTIFY
from server.kernel.ids import Urn
from server.kernel.record import record


@record
class Claim:
    """A run that this worker holds, at this attempt."""

    run: Run
    job: Job

    @property
    def deaths(self) -> int:
        """How many workers ended without giving the run back."""
        return self.run.attempt - 1 - self.job.attempts


@record
class Progress:
    """How far a held run is."""

    run: Urn
    attempt: int
    fraction: float
    rows_done: int


@record
class Verdict:
    """How a run ended. The error's parts are those that the mutation would have answered."""

    progress: float
    rows_done: int
    first_position: int | None = None
    last_position: int | None = None
    error: str | None = None
    error_code: str | None = None
    error_field: str | None = None
    error_details: dict[str, Any] | None = None  # any JSON: `Refused.details`


class ClaimLost(Exception):
    """Another worker has the run: what this one did with it does not count."""


_CLAIM = f"""
update process_run set status = 'RUNNING', attempt_of_run = attempt_of_run + 1, progress = 0, rows_done = 0,
       started_at = coalesce(started_at, clock_timestamp())
 where job_id = any($1::bigint[]) and id <> all($2::uuid[]) and status in ('QUEUED', 'RUNNING')
returning {RUN_COLUMNS}, job_id"""  # noqa: S608 - nothing but the columns' names is put in

_SETTLE = """
update process_run set status = $3, progress = $4, rows_done = $5, first_position = $6, last_position = $7,
       error = $8, error_code = $9, error_field = $10, error_details = $11::text::jsonb,
       finished_at = clock_timestamp()
 where id = $1 and attempt_of_run = $2 and status = 'RUNNING'
returning id"""

_GIVE_BACK = """
update process_run set status = 'QUEUED', progress = 0, rows_done = 0
 where id = $1 and attempt_of_run = $2 and status = 'RUNNING'
returning id"""

_HELD = """
select run.id, run.job_id from process_run run
  join unnest($1::uuid[], $2::int[]) as held (id, attempt) on run.id = held.id and run.attempt_of_run = held.attempt
 where run.status = 'RUNNING'"""

_PROGRESS = """
with written as (
  update process_run run set progress = news.progress, rows_done = news.rows_done
    from unnest($1::uuid[], $2::int[], $3::float8[], $4::bigint[]) as news (id, attempt, progress, rows_done)
   where run.id = news.id and run.attempt_of_run = news.attempt and run.status = 'RUNNING'
  returning run.id)
select pg_notify('runs', 'run:' || id) from written"""


class Claims:
    """What one worker does to runs in the database."""

    def __init__(
        self, pool: asyncpg.Pool, worker: uuid.UUID, kinds: Iterable[ProcessKind], heartbeat_timeout: float
    ) -> None:
        self._pool = pool
        self._worker = worker
        self._kinds = tuple(kinds)
        self._heartbeat_timeout = heartbeat_timeout

    async def take(self, limit: int, held: Collection[Urn]) -> list[Claim]:
        """Up to `limit` runs, in the queue's order. Those that are `held` here stay as they are."""
        async with self._pool.acquire() as connection, connection.transaction():
            jobs = await queue.take(connection, self._worker, self._kinds, limit, self._heartbeat_timeout)
            if not jobs:
                return []
            rows = await connection.fetch(_CLAIM, list(jobs), [run_uuid(run) for run in held])
            for row in rows:
                await connection.execute(NOTIFY, row["id"])
        claims = {row["job_id"]: Claim(run=run_from_row(row), job=jobs[row["job_id"]]) for row in rows}
        return [claims[number] for number in jobs if number in claims]

    async def settle(self, claim: Claim, verdict: Verdict) -> None:
        """The run has ended; those that waited for it may go. Raises: ClaimLost."""
        status = RunStatus.SUCCEEDED if verdict.error_code is None else RunStatus.FAILED
        async with self._pool.acquire() as connection, connection.transaction():
            await lock_dataset(connection, claim.run.dataset)
            await queue.close(connection, claim.job, "successful" if verdict.error_code is None else "exception")
            row = await connection.fetchrow(
                _SETTLE,
                run_uuid(claim.run.id),
                claim.run.attempt,
                status.value,
                verdict.progress,
                verdict.rows_done,
                verdict.first_position,
                verdict.last_position,
                verdict.error and verdict.error.replace("\0", "\ufffd"),  # Postgres keeps no NUL
                verdict.error_code,
                verdict.error_field,
                _json(verdict.error_details),
            )
            if row is None:
                raise ClaimLost
            if claim.run.dataset is not None:
                await admit(connection, claim.run.dataset)
            await connection.execute(NOTIFY, row["id"])

    async def give_back(self, claim: Claim) -> None:
        """The run stands in the queue again, for whoever comes next. Raises: ClaimLost."""
        async with self._pool.acquire() as connection, connection.transaction():
            await queue.put_back(connection, claim.job)
            row = await connection.fetchrow(_GIVE_BACK, run_uuid(claim.run.id), claim.run.attempt)
            if row is None:
                raise ClaimLost
            await connection.execute(NOTIFY, row["id"])

    async def beat(self, claims: Collection[Claim]) -> set[Urn]:
        """Say that these are being worked on; the ones that are still this worker's."""
        ids = [run_uuid(claim.run.id) for claim in claims]
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(_HELD, ids, [claim.run.attempt for claim in claims])
            await queue.beat(connection, [row["job_id"] for row in rows])
        held = {row["id"] for row in rows}
        return {claim.run.id for claim in claims if run_uuid(claim.run.id) in held}

    async def write_progress(self, news: Collection[Progress]) -> None:
        """Show how far these runs are, those that are still this worker's."""
        await self._pool.execute(
            _PROGRESS,
            [run_uuid(one.run) for one in news],
            [one.attempt for one in news],
            [one.fraction for one in news],
            [one.rows_done for one in news],
        )

    async def disown_dead(self, silent_seconds: float) -> None:
        """Free the runs of workers that are known to be dead."""
        async with self._pool.acquire() as connection:
            await queue.disown_dead(connection, silent_seconds)


def _json(details: dict[str, Any] | None) -> str | None:  # any JSON
    if details is None:
        return None
    text = orjson.dumps(details, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    return text.replace("\\u0000", "\\ufffd")

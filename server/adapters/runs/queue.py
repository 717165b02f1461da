"""The seam to pgqueuer: its tables, its jobs, who holds them and who is dead.

Every call takes a connection, so that a job and its run change in one transaction. The order of locks is
dataset, job, run.
"""

import uuid
from collections.abc import Iterable
from datetime import timedelta
from functools import cache
from typing import Literal, TypeAlias, cast

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence import schema_ddl
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.models import Job
from pgqueuer.domain.schema.declaration import target
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.domain.types import Channel, JobId, QueueEntrypoint, QueueManagerId
from pgqueuer.ports.repository import EntrypointExecutionParameter

from server.adapters.runs.run import ProcessKind

Connection: TypeAlias = asyncpg.Connection | PoolConnectionProxy  # a pool's proxy is as good


@cache
def _settings() -> DBSettings:
    # All given: pgqueuer would else take names from environment variables as common as FUNCTION or CHANNEL.
    return DBSettings(
        prefix="",
        db_schema=None,
        channel=Channel("ch_pgqueuer"),
        function="fn_pgqueuer_changed",
        statistics_table="pgqueuer_statistics",
        queue_status_type="pgqueuer_status",
        queue_table="pgqueuer",
        queue_table_log="pgqueuer_log",
        trigger="tg_pgqueuer_changed",
        schedules_table="pgqueuer_schedules",
        durability=Durability.balanced,
        widen_id=True,
    )


@cache
def _builder() -> QueryQueueBuilder:
    return QueryQueueBuilder(_settings())  # keeps the rendered SQL of the claim


def queue_on(connection: Connection) -> Queries:
    """The queue, spoken to over one connection: what is done here is part of its transaction."""
    return Queries(
        AsyncpgDriver(cast(asyncpg.Connection, connection)),
        qbe=QueryBuilderEnvironment(_settings()),
        qbq=_builder(),
        qbs=QuerySchedulerBuilder(_settings()),
    )


def queue_schema() -> list[str]:
    """The statements, one each, that make the queue's tables in an empty schema: for a migration."""
    settings = _settings()
    schema = target(settings)
    return [
        *(schema_ddl.render_enum(entry, settings) for entry in schema.enums),
        *(schema_ddl.render_table(entry, settings) for entry in schema.tables),
        *(schema_ddl.render_index(entry, settings) for entry in schema.indexes),
        *(schema_ddl.render_function(entry, settings) for entry in schema.functions),
        *(schema_ddl.render_trigger(entry, settings) for entry in schema.triggers),
    ]


async def enqueue(connection: Connection, run: uuid.UUID, kind: ProcessKind) -> int:
    """Put a run's job at the end of the queue; its number."""
    jobs = await queue_on(connection).enqueue(kind.value, str(run).encode(), dedupe_key=str(run))
    return jobs[0]


async def take(
    connection: Connection,
    worker: uuid.UUID,
    kinds: Iterable[ProcessKind],
    limit: int,
    heartbeat_timeout: float,
) -> dict[int, Job]:
    """Up to `limit` jobs that wait or whose worker went silent, now held by `worker`; by number."""
    jobs = await queue_on(connection).dequeue(
        batch_size=limit,
        entrypoints={QueueEntrypoint(kind.value): EntrypointExecutionParameter(concurrency_limit=0) for kind in kinds},
        queue_manager_id=QueueManagerId(worker),
        global_concurrency_limit=None,
        heartbeat_timeout=timedelta(seconds=heartbeat_timeout),
    )
    return {job.id: job for job in jobs}


async def close(connection: Connection, job: Job, status: Literal["successful", "exception"]) -> None:
    """Take a job out of the queue and log how it ended."""
    await queue_on(connection).log_jobs([(job, status, None)])


async def put_back(connection: Connection, job: Job) -> None:
    """Let another worker have the job; `Job.attempts` counts it."""
    await queue_on(connection).retry_job(job, timedelta(0), None)


async def beat(connection: Connection, jobs: Iterable[int]) -> None:
    """Say that these jobs are being worked on."""
    await queue_on(connection).update_heartbeat([JobId(job) for job in jobs])


# The advisory lock that a worker holds while its session lives; Postgres lets go of it when the process dies.
HOLD = "select pg_try_advisory_lock(hashtextextended('run worker ' || $1::text, 0))"
LET_GO = "select pg_advisory_unlock(hashtextextended('run worker ' || $1::text, 0))"


async def disown_dead(connection: Connection, silent_seconds: float) -> None:
    """Free the jobs of workers whose session is gone and who were silent for so long: both, as a session may break."""
    await connection.execute(
        f"""update {_settings().queue_table} set heartbeat = to_timestamp(0)
            where id in (select id from {_settings().queue_table}
                          where status = 'picked' and heartbeat > to_timestamp(0)
                            and heartbeat < now() - make_interval(secs => $1)
                          for update skip locked)
              and pg_try_advisory_xact_lock(hashtextextended('run worker ' || queue_manager_id::text, 0))""",  # noqa: S608 - the table's name is fixed above
        silent_seconds,
    )

"""A database with content from before takes the new shape, and gives it back."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from server.adapters.postgres.migrate import migrate

BATCHES = """
insert into batch (id, valid_from, valid_to, batch_id, dataset, contract, revision, contract_version, schema_version,
                   checksum, size_bytes, row_count, rejected_row_count, step, bronze, gold, quarantine, position,
                   appended_at)
select 'batch:' || n, n, 9223372036854775807, cast(n as text), 'dataset:d', 'contract:c', 1, 1, 1, 'ab', 1, 1, 0,
       'APPENDED', n, case when n > 1 then n end, case when n > 2 then cast('{}' as jsonb) end, n, now()
  from generate_series(1, 3) n"""
RUNS = """
insert into process_run (id, kind, status, dataset, actor, correlation_id, input_digest, payload, created_at, job_id)
select gen_random_uuid(), kind, status, dataset, name, 'c', '', '{}', now() + make_interval(secs => n), job
  from (values (1, 'first', 'REPLAY', 'RUNNING', 'dataset:d', 1), (2, 'second', 'REPLAY', 'QUEUED', 'dataset:d', null),
               (3, 'elsewhere', 'REPLAY', 'QUEUED', 'dataset:e', 2),
               (4, 'append', 'APPEND', 'QUEUED', 'dataset:d', null),
               (5, 'third', 'REPLAY', 'QUEUED', 'dataset:d', null)) as t (n, name, kind, status, dataset, job)"""
ENDS = "select actor, status, error_code from process_run order by created_at"
STATUSES = "select status from batch order by id"


async def test_statuses_are_computed_anew_and_second_replays_are_told_to_end(engine: AsyncEngine) -> None:
    await migrate(engine, "0003")
    async with engine.begin() as connection:
        await connection.execute(text(BATCHES))
        await connection.execute(text(RUNS))
    await migrate(engine)
    async with engine.begin() as connection:
        assert list((await connection.execute(text(STATUSES))).scalars()) == ["APPENDED", "PUBLISHED", "QUARANTINED"]
        await connection.execute(text("update batch set step = 'EXPIRED'"))
        assert list((await connection.execute(text(STATUSES))).scalars()) == ["EXPIRED"] * 3
        runs = (await connection.execute(text(ENDS))).all()
    assert [tuple(run) for run in runs] == [
        ("first", "RUNNING", None),
        ("second", "FAILED", "PRECONDITION_FAILED"),
        ("elsewhere", "QUEUED", None),
        ("append", "QUEUED", None),
        ("third", "FAILED", "PRECONDITION_FAILED"),
    ]
    await migrate(engine, "-3")  # back to 0003
    async with engine.begin() as connection:
        assert list((await connection.execute(text(STATUSES))).scalars()) == ["EXPIRED", "PUBLISHED", "QUARANTINED"]

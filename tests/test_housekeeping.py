"""What a server removes from the database from time to time, and what it must keep."""

import asyncpg

from server.adapters.postgres.connections import open_engine
from server.adapters.postgres.migrate import migrate
from server.housekeeping import tidy

KEYS = """
insert into commands (key, input, at) select k, '', now() - make_interval(hours => h) from
 (values ('~new', 1), ('~old', 25), ('admin|new', 25), ('admin|old', 24 * 31)) as t(k, h)"""
RUNS = """
insert into process_run (id, kind, status, actor, correlation_id, input_digest, payload, created_at, finished_at)
 select gen_random_uuid(), 'APPEND', status, name, 'c', '', '{}', now() - make_interval(days => 90),
        now() - make_interval(days => days)
   from (values ('month', 'SUCCEEDED', 29), ('old', 'SUCCEEDED', 31), ('failed', 'FAILED', 31),
                ('queued', 'QUEUED', null), ('running', 'RUNNING', null)) as t(name, status, days)"""


async def test_removes_keys_and_ended_runs_after_their_time(database_url: str) -> None:
    engine = open_engine(database_url)
    await migrate(engine)
    await engine.dispose()
    async with asyncpg.create_pool(database_url, min_size=1, max_size=1) as pool:
        await pool.execute(KEYS)
        await pool.execute(RUNS)
        await tidy(pool)
        kept = [row["key"] for row in await pool.fetch("select key from commands order by key")]
        runs = [row["actor"] for row in await pool.fetch("select actor from process_run order by actor")]
    assert kept == ["admin|new", "~new"]
    assert runs == ["month", "queued", "running"]

"""What a server removes from time to time, and what it must keep."""

import os
from datetime import timedelta
from pathlib import Path

import asyncpg

from server.adapters.postgres.connections import open_engine
from server.adapters.postgres.migrate import migrate
from server.adapters.storage.local import LocalStorage
from server.assembly import clock
from server.housekeeping import tidy


async def test_removes_keys_after_their_time_and_staged_files_after_a_day(database_url: str, tmp_path: Path) -> None:
    engine = open_engine(database_url)
    await migrate(engine)
    await engine.dispose()
    storage = LocalStorage(tmp_path / "lake")
    old, fresh = storage.staging(), storage.staging()
    for path in (old, fresh):
        path.write_bytes(b"x")
    two_days_ago = (clock() - timedelta(days=2)).timestamp()
    os.utime(old, (two_days_ago, two_days_ago))
    async with asyncpg.create_pool(database_url, min_size=1, max_size=1) as pool:
        await pool.execute(
            "insert into commands (key, input, at) select k, '', now() - make_interval(hours => h) from"
            " (values ('~new', 1), ('~old', 25), ('admin|new', 25), ('admin|old', 24 * 31)) as t(k, h)"
        )
        await tidy(pool, storage)
        kept = [row["key"] for row in await pool.fetch("select key from commands order by key")]
    assert kept == ["admin|new", "~new"]
    assert [path.exists() for path in (old, fresh)] == [False, True]

"""A server under a role that cannot change what was recorded, granted as docs/operations.md says."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from server.adapters.postgres.connections import open_engine
from server.adapters.postgres.migrate import migrate
from tests.system.serving import serving
from tests.system.story import append, register

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
FORBIDDEN = ("update events set type = 'x'", "delete from events", "truncate events", "delete from checkpoint")


def grants() -> str:
    (block,) = re.findall(r"```sql\n(grant usage on schema.*?)```", PAGE.read_text(), re.DOTALL)
    return str(block)


async def test_a_server_needs_no_right_to_change_events(tmp_path: Path, database_url: str) -> None:
    owner = await asyncpg.connect(database_url)
    engine = open_engine(database_url)
    await migrate(engine)
    await engine.dispose()
    await owner.execute("create role lakemesh_server login password 'served'")
    try:
        await owner.execute(grants())
        parts = urlsplit(database_url)
        address = parts._replace(netloc="lakemesh_server:served@").geturl()
        async with serving(tmp_path / "data", DATABASE_URL=address, CHECKPOINT_EVENTS="1") as server:
            await register(server)
            made = await append(server, "b1")
            assert made["batch"]["status"] == "APPENDED"
            assert await server.stop() == 0
        assert await owner.fetchval("select max(position) = (select position from event_head) from checkpoint")
        other = await asyncpg.connect(address)
        for statement in FORBIDDEN:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await other.execute(statement)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await other.execute("alter table events disable trigger events_are_final")
        await other.close()
    finally:
        await owner.execute("drop owned by lakemesh_server; drop role lakemesh_server")
        await owner.close()

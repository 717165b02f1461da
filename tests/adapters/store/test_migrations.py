"""The migrations: up, again, at once, down; and what they make is what the tables in the code say."""

import asyncio
import warnings
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import SQLModel

import migrations
import server.adapters.checkpoints.tables
import server.adapters.runs.tables
import server.adapters.store.tables
import server.mesh.access.tables
import server.mesh.erasure.tables
import server.mesh.rows.tables
import server.mesh.slices
from server.adapters.postgres.migrate import migrate
from server.kernel.errors import PreconditionFailed

OURS = (
    server.adapters.checkpoints.tables,
    server.adapters.runs.tables,
    server.adapters.store.tables,
    server.mesh.access.tables,
    server.mesh.erasure.tables,
    server.mesh.rows.tables,
    server.mesh.slices,
)
COUNT = len(list((Path(migrations.__file__).parent / "versions").glob("[0-9]*.py")))
NOT_MODELLED = ("pgqueuer", "alembic_version")  # the queue's own tables come from its library

# Everything that a migration makes, by name.
INVENTORY = """
select 'relation ' || relkind::text || ' ' || relname as name from pg_class where relnamespace = 'public'::regnamespace
union all select 'function ' || proname from pg_proc where pronamespace = 'public'::regnamespace
union all select 'trigger ' || tgname from pg_trigger where not tgisinternal
union all select 'type ' || typname from pg_type where typnamespace = 'public'::regnamespace and typtype = 'e'
order by 1
"""


async def inventory(engine: AsyncEngine) -> list[str]:
    async with engine.connect() as connection:
        return list((await connection.execute(text(INVENTORY))).scalars())


async def at(engine: AsyncEngine) -> str | None:
    async with engine.connect() as connection:
        return (await connection.execute(text("select version_num from alembic_version"))).scalar()


def differences(connection: Connection) -> list[Any]:
    def modelled(_object: object, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:
        return kind != "table" or not str(name).startswith(NOT_MODELLED)

    context = MigrationContext.configure(
        connection, opts={"include_object": modelled, "compare_type": True, "compare_server_default": True}
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*expression.*")  # those are compared by name alone
        return list(compare_metadata(context, SQLModel.metadata))


async def test_makes_exactly_the_tables_that_the_code_declares(engine: AsyncEngine) -> None:
    await migrate(engine)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_the_comparison_sees_a_missing_column(engine: AsyncEngine) -> None:
    await migrate(engine)
    async with engine.begin() as connection:
        await connection.execute(text("alter table dataset drop column replay"))
        found = await connection.run_sync(differences)
    assert [(kind, table, column.name) for kind, _, table, column in found] == [("add_column", "dataset", "replay")]


async def test_a_second_run_changes_nothing(engine: AsyncEngine) -> None:
    await migrate(engine)
    once = await inventory(engine)
    await migrate(engine)
    assert await inventory(engine) == once


async def test_refuses_a_database_of_a_newer_release(engine: AsyncEngine) -> None:
    await migrate(engine)
    async with engine.begin() as connection:
        await connection.execute(text(f"update alembic_version set version_num = '{COUNT + 1:04}'"))
    with pytest.raises(PreconditionFailed) as refused:
        await migrate(engine)
    assert str(refused.value) == (
        f"the database has the shape {COUNT + 1:04} of a newer release, this one knows {COUNT:04};"
        " start the newer release, or put a copy of the older database back"
    )


async def test_two_runs_at_once_end_as_one(engine: AsyncEngine) -> None:
    await asyncio.gather(*(migrate(engine) for _ in range(3)))
    assert await at(engine) == f"{COUNT:04}"
    async with engine.connect() as connection:
        assert (await connection.execute(text("select count(*) from event_head"))).scalar() == 1


async def test_goes_down_to_nothing_and_up_to_the_same(engine: AsyncEngine) -> None:
    await migrate(engine)
    whole = await inventory(engine)
    await migrate(engine, f"-{COUNT}")
    assert await inventory(engine) == ["relation i alembic_version_pkc", "relation r alembic_version"]
    await migrate(engine)
    assert await inventory(engine) == whole


async def test_starts_with_an_empty_log_at_position_0(engine: AsyncEngine) -> None:
    await migrate(engine)
    async with engine.connect() as connection:
        heads = (await connection.execute(text("select position, recorded_at = 'epoch', hash from event_head"))).all()
    assert [tuple(head) for head in heads] == [(0, True, bytes(32))]

"""Migrations: the database brought to the shape that this server needs."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

import migrations

_LOCK = 7_461_001  # one migration at a time; the others wait and find it done


async def migrate(engine: AsyncEngine, target: str = "head") -> None:
    """Run what is missing, under an advisory lock: several servers may start at once."""
    async with engine.connect() as connection:
        await connection.execute(text("select pg_advisory_lock(:lock)"), {"lock": _LOCK})
        await connection.commit()
        try:
            await connection.run_sync(_upgrade, target)
            await connection.commit()
        finally:
            await connection.execute(text("select pg_advisory_unlock(:lock)"), {"lock": _LOCK})
            await connection.commit()


def _upgrade(connection: Connection, target: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    if target == "head" or not target.startswith("-"):
        command.upgrade(config, target)
    else:
        command.downgrade(config, target)

"""Migrations: the database brought to the shape that this server needs."""

import importlib
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

import migrations
from server.kernel.errors import PreconditionFailed

_LOCK = 7_461_001  # one migration at a time; the others wait and find it done
_FOLDER = Path(migrations.__file__).parent


async def migrate(engine: AsyncEngine, target: str = "head") -> None:
    """Run what is missing, under an advisory lock: several servers may start at once.

    Raises: PreconditionFailed for a database that a newer release has changed.
    """
    async with engine.connect() as connection:
        if target == "head" and _nothing_to_do(await connection.run_sync(_stands_at)):
            return
        await connection.execute(text("select pg_advisory_lock(:lock)"), {"lock": _LOCK})
        await connection.commit()
        try:
            await connection.run_sync(_upgrade, target)
            await connection.commit()
        finally:
            await connection.execute(text("select pg_advisory_unlock(:lock)"), {"lock": _LOCK})
            await connection.commit()


def _nothing_to_do(stands: str | None) -> bool:
    known = newest()
    if stands is not None and stands > known:
        raise PreconditionFailed(
            f"the database has the shape {stands} of a newer release, this one knows {known};"
            " start the newer release, or put a copy of the older database back"
        )
    return stands == known


def newest() -> str:
    """The revision of the last migration: the number at the head of its file's name."""
    return max(path.name.partition("_")[0] for path in (_FOLDER / "versions").glob("[0-9]*.py"))


def _stands_at(connection: Connection) -> str | None:
    """The revision at which the database stands; None where it has none."""
    if connection.scalar(text("select to_regclass('alembic_version')")) is None:
        return None
    stands: str | None = connection.scalar(text("select version_num from alembic_version"))
    return stands


def _upgrade(connection: Connection, target: str) -> None:
    # Alembic is loaded only here: 11 MB and a tenth of the time to start, for nothing where nothing is missing
    importlib.import_module("server.adapters.postgres.upgrade").upgrade(connection, _FOLDER, target)

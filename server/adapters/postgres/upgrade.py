"""One run of Alembic on an open connection."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def upgrade(connection: Connection, scripts: Path, target: str) -> None:
    """Bring the database up to `target`, or down where it begins with a minus. `scripts`: the folder of migrations."""
    config = Config()
    config.set_main_option("script_location", str(scripts))
    config.attributes["connection"] = connection
    if target.startswith("-"):
        command.downgrade(config, target)
    else:
        command.upgrade(config, target)

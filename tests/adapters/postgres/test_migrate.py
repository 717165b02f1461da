"""What tells the server that nothing is missing agrees with Alembic."""

from pathlib import Path

from alembic.script import ScriptDirectory

import migrations
from server.adapters.postgres.migrate import newest


def test_the_newest_file_is_the_head_of_the_migrations() -> None:
    assert [newest()] == ScriptDirectory(str(Path(migrations.__file__).parent)).get_heads()

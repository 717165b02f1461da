"""Folders for what the engine spills."""

import subprocess
import sys
from pathlib import Path

from server.adapters.engine.spill import spill_folder

LIVING = """
import sys
from pathlib import Path
from server.adapters.engine.spill import spill_folder
with spill_folder(Path(sys.argv[1])) as folder:
    (folder / "duckdb_temp").write_bytes(b"spilled")
    print(folder.name, flush=True)
    sys.stdin.read()
"""


def test_each_has_its_own_and_leaves_nothing(tmp_path: Path) -> None:
    root = tmp_path / "data" / "spill"
    with spill_folder(root) as first, spill_folder(root) as second:
        assert first != second
        (first / "duckdb_temp").write_bytes(b"x")
        assert sorted(root.iterdir()) == sorted([first, second])
    assert list(root.iterdir()) == []


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_uses_is_not(tmp_path: Path) -> None:
    others = [
        subprocess.Popen([sys.executable, "-c", LIVING, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    names = [other.stdout.readline().decode().strip() for other in others if other.stdout is not None]
    (tmp_path / "duckdb_temp_of_an_older_version").write_bytes(b"x")
    others[0].kill()
    others[0].communicate()
    with spill_folder(tmp_path) as folder:
        assert {path.name for path in tmp_path.iterdir()} == {names[1], folder.name}
    others[1].communicate()
    assert list(tmp_path.iterdir()) == []

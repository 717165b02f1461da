"""The shape of the code: imports run one way, files stay small."""

import subprocess
import sys
import tomllib
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("server", "graphql_schema", "migrations")
LONGEST, TYPICAL = 300, 120
LENGTHS = {
    str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
    for room in ROOMS
    for path in (ROOT / room).rglob("*.py")
}


def test_imports_keep_the_contracts() -> None:
    pytest.importorskip("importlinter", reason="import-linter comes with the extra `dev`")
    command = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([command, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_room_has_its_layer() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {contract["name"]: contract for contract in config["tool"]["importlinter"]["contracts"]}
    layers = contracts["Rooms: one direction"]["layers"]
    listed = [room.strip() for layer in layers for room in layer.split("|")]
    modules = [path.stem for path in (ROOT / "server").glob("*.py") if path.stem != "__init__"]
    packages = [path.parent.name for path in (ROOT / "server").glob("*/__init__.py")]
    assert sorted(listed) == sorted(["graphql_schema", "migrations", *(f"server.{one}" for one in modules + packages)])


def test_no_source_file_is_long() -> None:
    assert {name: lines for name, lines in LENGTHS.items() if lines > LONGEST} == {}


def test_source_files_are_short_as_a_rule() -> None:
    assert median(lines for lines in LENGTHS.values() if lines > 1) <= TYPICAL

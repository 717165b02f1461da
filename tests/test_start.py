"""What a server loads when it starts: nothing that only its later work needs."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LATER = (
    "alembic",
    "deltalake",
    "fastavro",
    "httpx",
    "ibis",
    "jsonschema_rs",
    "networkx",
    "open_data_contract_standard",
    "pandas",
    "pebble",
    "pyarrow.compute",
    "scipy",
    "sqlglot",
    "yaml",
)


def test_heavy_libraries_are_loaded_when_they_are_first_needed() -> None:
    program = f"import sys, server.cli; print([name for name in {LATER!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

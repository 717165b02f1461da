"""What a server loads when it starts: nothing that only its later work needs."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LATER = ("alembic", "httpx", "ibis", "networkx", "pandas", "pyarrow.compute", "sqlglot")


def test_heavy_libraries_are_loaded_when_they_are_first_needed() -> None:
    program = f"import sys, server.cli; print([name for name in {LATER!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""`lakemesh demo` as a process, and what it prints."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.system.serving import environment

END = "Ctrl-C stops the server; what it holds stays."
PATIENCE = 60.0


@asynccontextmanager
async def played(data_dir: Path, log: Path) -> AsyncGenerator[list[str], None]:
    """What the demo prints up to its last line; then it is stopped, as by Ctrl-C."""
    with log.open("wb") as written:
        demo = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "server", "demo"),
            env=environment({"DATA_DIR": str(data_dir), "PORT": "0"}),
            stdout=asyncio.subprocess.PIPE,
            stderr=written,
        )
    assert demo.stdout is not None
    lines: list[str] = []
    try:
        async with asyncio.timeout(PATIENCE):
            while END not in lines:
                line = await demo.stdout.readline()
                assert line, log.read_text(encoding="utf-8")
                lines.append(line.decode().rstrip("\n"))
        yield lines
        demo.terminate()
        async with asyncio.timeout(PATIENCE):
            assert await demo.wait() == 0
    finally:
        if demo.returncode is None:
            demo.kill()
            await demo.wait()


def told(lines: list[str], what: str) -> str:
    """The value of the one line that begins so."""
    [value] = [line.removeprefix(what).strip() for line in lines if line.startswith(what)]
    return value

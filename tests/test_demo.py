"""`lakemesh demo`: what a newcomer sees, first on an empty folder, then on the same folder again."""

import asyncio
import contextlib
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from server.demo_story import STEPS
from tests.system.serving import environment, no_postgres_left

END = "Ctrl-C stops the server; what it holds stays."
PATIENCE = 60.0


@contextlib.asynccontextmanager
async def played(data_dir: Path, log: Path) -> AsyncIterator[list[str]]:
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
                assert line, log.read_text()
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


async def test_the_demo_plays_once_and_its_key_opens_the_server(tmp_path: Path) -> None:
    data_dir, log = tmp_path / "data", tmp_path / "log"
    async with no_postgres_left(data_dir):
        async with played(data_dir, log) as lines:
            assert lines[: len(STEPS)] == [f"  {step.told}" for step in STEPS]
            positions = [int(found[1]) for line in lines if (found := re.match(r" +(\d+)  [A-Z]\w+ +\w+:", line))]
            assert positions == list(range(1, 20))
            address = told(lines, "GraphiQL:").removesuffix("/graphql")
            async with httpx.AsyncClient(base_url=address) as client:
                headers = {"Authorization": f"Bearer {told(lines, 'admin key:')}"}
                query = {"query": "{ verifyLog { intact checked } }"}
                answer = (await client.post("/graphql", json=query, headers=headers)).json()
            assert answer["data"] == {"verifyLog": {"intact": True, "checked": 19}}
        assert "X-Amz-Signature" not in log.read_text()
        async with played(data_dir, log) as lines:
            assert lines[0] == "this folder holds a mesh already; the story is not played again"

"""README.md does what it says: its tour is pasted into a shell beside a real server, its answers are compared."""

import asyncio
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.system.playing import played, told
from tests.system.serving import environment

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TOUR = README.partition("\n## Tour\n")[2].partition("\n## ")[0]
BLOCK = re.compile(r"```bash\n(?P<commands>.*?)```(?:\n\n```(?P<form>json|text)\n(?P<answer>.*?)```)?", re.DOTALL)
END = "\x1e"  # parts what one block prints from what the next one does
PATIENCE = 120.0


def values(text: str) -> list[Any]:
    """The JSON values that stand in a text one after the other, without what an answer says about itself."""
    decoder, found = json.JSONDecoder(), []
    while text := text.lstrip():
        value, end = decoder.raw_decode(text)
        found.append(shown(value))
        text = text[end:]
    return found


def shown(value: Any) -> Any:
    match value:
        case dict():
            return {name: shown(part) for name, part in value.items() if name not in ("extensions", "locations")}
        case list():
            return [shown(part) for part in value]
        case _:
            return value


async def pasted(commands: str, folder: Path, **settings: str) -> str:
    """What a shell prints that stops at the first command that fails."""
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-euo",
        "pipefail",
        "-c",
        commands,
        cwd=folder,
        env=environment({"PATH": tools} | settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE):
        output, complaints = await process.communicate()
    assert (process.returncode, complaints.decode()) == (0, "")
    return output.decode()


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
async def test_the_tour_answers_what_it_shows(tmp_path: Path) -> None:
    blocks = list(BLOCK.finditer(TOUR))
    assert len(blocks) == TOUR.count("```bash") == 24
    script = "\n".join(f"{block['commands']}printf '\\x1e'" for block in blocks)
    async with played(tmp_path / "data", tmp_path / "log") as lines:  # the reader has the demo before him
        where = {"LAKEMESH": told(lines, "GraphiQL:").removesuffix("/graphql"), "API_KEY": told(lines, "admin key:")}
        folder = tmp_path / "reader"
        folder.mkdir()
        printed = (await pasted(script, folder, **where)).split(END)
    assert printed.pop() == ""
    for block, output in zip(blocks, printed, strict=True):
        match block["form"]:
            case "json":
                assert values(output) == values(block["answer"])
            case "text":
                assert output == block["answer"]
            case _:
                assert output == ""


def test_two_commands_set_everything_up() -> None:
    start = README.partition("\n## Start\n")[2].partition("\n## ")[0]
    assert re.findall(r"```sh\n(.*?)```", start, re.DOTALL) == [
        "python3 -m venv .venv && .venv/bin/pip install -q . && .venv/bin/lakemesh demo\n",
        "python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/python -m pytest\n",
    ]

"""`lakemesh demo`: what a newcomer sees, first on an empty folder, then on the same folder again."""

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

import httpx

from server.demo_story.story import QUESTIONS, STEPS
from tests.system.playing import PATIENCE, played, told
from tests.system.serving import environment, no_postgres_left

EVENTS = 42
JONAS = "jonas.weber@example.org"
UPSTREAM = [
    ("dataset:turnover-by-country", -1),
    ("dataset:customers", -2),
    ("dataset:orders", -2),
    ("external:crm/people", -3),
    ("external:webshop/baskets", -3),
]
CONCERNED = [
    "dataset:turnover-by-country",
    "product:order-history",
    "product:customer-health",
    "product:turnover",
    "external:helpdesk/dashboard",
]


async def answered(client: httpx.AsyncClient, question: str) -> Any:
    answer = (await client.post("/graphql", json={"query": question})).json()
    assert "errors" not in answer, answer["errors"]
    return answer["data"]


async def verified(data_dir: Path) -> str:
    """What `lakemesh verify` prints of a folder on which nothing runs."""
    verifier = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "server", "verify"),
        env=environment({"DATA_DIR": str(data_dir)}),
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE):
        output, _ = await verifier.communicate()
    assert verifier.returncode == 0, output
    return output.decode()


async def test_the_demo_plays_once_and_its_key_opens_the_server(tmp_path: Path) -> None:
    data_dir, log = tmp_path / "data", tmp_path / "log"
    async with no_postgres_left(data_dir):
        async with played(data_dir, log) as lines:
            assert lines[: len(STEPS)] == [f"  {step.told}" for step in STEPS]
            positions = [int(found[1]) for line in lines if (found := re.match(r" +(\d+)  [A-Z]\w+ +\w+:", line))]
            assert positions == list(range(1, EVENTS + 1))
            asked = lines[lines.index("to ask there:") + 1 :][: len(QUESTIONS)]
            deletions = re.findall(r'"(deletion:[0-9a-f-]{36})"', "\n".join(asked))
            assert len(deletions) == 1
            assert asked == [f"  {question.replace('@deletion', deletions[0])}" for question in QUESTIONS]
            address = told(lines, "GraphiQL:").removesuffix("/graphql")
            headers = {"Authorization": f"Bearer {told(lines, 'admin key:')}"}
            async with httpx.AsyncClient(base_url=address, headers=headers, timeout=PATIENCE) as client:
                lineage, impact, diagram, lake, proof = [await answered(client, question) for question in asked]
                assert await answered(client, "{ verifyLog { intact checked } }") == {
                    "verifyLog": {"intact": True, "checked": EVENTS}
                }
            assert [(node["asset"]["id"], node["depth"]) for node in lineage["lineage"]["nodes"]] == UPSTREAM
            assert impact["impact"] == {
                "assets": [{"asset": {"id": id}} for id in CONCERNED],
                "contracts": [{"id": "contract:orders-contract"}],
                "consumers": ["analytics"],
            }
            assert diagram["lineageDiagram"].splitlines()[:2] == [
                "flowchart LR",
                f"  %% Lineage of dataset:orders, BOTH, depth 3, at position {EVENTS}",
            ]
            assert lake["dataLake"]["complianceReport"] == {
                "deletionsCompleted": 1,
                "deletionsPending": 1,
                "accessEvents": 1,
            }
            receipt = json.loads(proof["erasureReceipt"]["receipt"])
            assert [(rows["layer"], rows["rows"]) for rows in receipt["erased"]] == [
                ("BRONZE", 1),
                ("SILVER", 1),
                ("GOLD", 1),
            ]
        assert "X-Amz-Signature" not in log.read_text()
        assert re.match(rf"intact: {EVENTS} events, .*\nproven up to position {EVENTS} by ", await verified(data_dir))
        assert not [path for path in data_dir.rglob("*") if path.is_file() and JONAS.encode() in path.read_bytes()]
        async with played(data_dir, log) as lines:
            assert lines[0] == "this folder holds a mesh already; the story is not played again"
            assert f"  {QUESTIONS[-1].replace('@deletion', deletions[0])}" in lines

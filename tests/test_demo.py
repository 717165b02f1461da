"""`lakemesh demo`: what a newcomer sees, first on an empty folder, then on the same folder again."""

import re
from pathlib import Path
from typing import Any

import httpx

from server.demo_story.story import QUESTIONS, STEPS
from tests.system.playing import PATIENCE, played, told
from tests.system.serving import no_postgres_left

EVENTS = 35
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


async def test_the_demo_plays_once_and_its_key_opens_the_server(tmp_path: Path) -> None:
    data_dir, log = tmp_path / "data", tmp_path / "log"
    async with no_postgres_left(data_dir):
        async with played(data_dir, log) as lines:
            assert lines[: len(STEPS)] == [f"  {step.told}" for step in STEPS]
            positions = [int(found[1]) for line in lines if (found := re.match(r" +(\d+)  [A-Z]\w+ +\w+:", line))]
            assert positions == list(range(1, EVENTS + 1))
            asked = lines[lines.index("to ask there:") + 1 :][: len(QUESTIONS)]
            assert asked == [f"  {question}" for question in QUESTIONS]
            address = told(lines, "GraphiQL:").removesuffix("/graphql")
            headers = {"Authorization": f"Bearer {told(lines, 'admin key:')}"}
            async with httpx.AsyncClient(base_url=address, headers=headers, timeout=PATIENCE) as client:
                lineage, impact, diagram = [await answered(client, question) for question in asked]
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
        assert "X-Amz-Signature" not in log.read_text()
        async with played(data_dir, log) as lines:
            assert lines[0] == "this folder holds a mesh already; the story is not played again"

"""Receipts of erasures: what they state, that they never change, and that the lines of the docs verify them."""

import base64
import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from server.kernel.ids import Urn
from server.kernel.instants import precise_text
from server.kernel.layer import Layer
from server.mesh.lake.facts import ErasedRows
from tests.graph.batches import fill
from tests.graph.conftest import Graph
from tests.graph.deletions import OFFICER, SUBJECT, completed, deletion, lake, requested

RECEIPT = """query ($id: ID!) { erasureReceipt(deletion: $id) {
  receipt signature publicKey
  deletion { id status subjectId erased { batch { id } layer rows } objectsDeleted unreached }
} }"""
PAGE = Path(__file__).parents[2] / "docs" / "compliance.md"


async def receipt(graph: Graph, id: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = (await graph.ask(RECEIPT, OFFICER, id=id))["erasureReceipt"]
    return found


async def test_there_is_none_before_the_erasure_is_done(graph: Graph) -> None:
    await lake(graph)
    one = await deletion(graph)
    assert await receipt(graph, one) is None
    refused = await graph.refused(RECEIPT, OFFICER, id="deletion:none")
    assert refused == ("NOT_FOUND", "'deletion:none' is not known; take an id that requestGdprDeletion answered")


async def test_states_the_request_and_what_became_of_it(graph: Graph) -> None:
    await fill(graph, datasets=range(1))
    await lake(graph)
    made = (await requested(graph))["deletion"]
    erased = tuple(ErasedRows(batch=Urn("batch:b0-0"), layer=layer, rows=rows) for layer, rows in ROWS)
    done = await completed(graph, made["id"], *erased, actor="the officer")
    (event,) = await graph.parts.mesh.events.by_positions([done.position])
    found = await receipt(graph, made["id"])
    assert found is not None
    digest = (await graph.parts.mesh.deletions.known(made["id"])).subject_digest
    text = found["receipt"]
    assert json.loads(text) == {
        "version": 1,
        "deletion": made["id"],
        "lake": "lake:eu",
        "subjectDigest": digest,
        "reason": "asked by letter",
        "requestedBy": "desk 4",
        "requestedAt": precise_text(datetime.fromisoformat(made["requestedAt"])),
        "deadline": precise_text(datetime.fromisoformat(made["deadline"])),
        "completedAt": precise_text(event.recorded_at),
        "position": done.position,
        "eventHash": event.hash.hex(),
        "orderedBy": "the officer",
        "erased": [{"batch": "batch:b0-0", "layer": layer.value, "rows": rows} for layer, rows in ROWS],
        "objectsDeleted": 4,
        "unreached": ["copies that consumers made"],
    }
    assert text.encode() == rfc8785.dumps(json.loads(text))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", json.loads(text)["completedAt"])
    assert SUBJECT not in text
    assert found["deletion"] == {
        "id": made["id"],
        "status": "COMPLETED",
        "subjectId": None,
        "erased": [{"batch": {"id": "batch:b0-0"}, "layer": layer.value, "rows": rows} for layer, rows in ROWS],
        "objectsDeleted": 4,
        "unreached": ["copies that consumers made"],
    }


ROWS = ((Layer.BRONZE, 3), (Layer.SILVER, 3), (Layer.GOLD, 2))


async def test_stays_the_same_whatever_happens_later(graph: Graph) -> None:
    await lake(graph)
    one = await deletion(graph)
    await completed(graph, one)
    first = await receipt(graph, one)
    await deletion(graph)  # the same person again
    assert await receipt(graph, one) == first


@pytest.fixture
def verified(tmp_path: Path) -> Callable[[dict[str, Any], str], subprocess.CompletedProcess[str]]:
    """Runs the lines of docs/compliance.md on an answer."""
    section = PAGE.read_text(encoding="utf-8").partition("### The receipt")[2]
    script = re.findall(r"```python\n(.*?)```", section, re.DOTALL)[0]
    (tmp_path / "check.py").write_text(script, encoding="utf-8")

    def run(answer: dict[str, Any], key: str) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "receipt.json"
        file.write_text(json.dumps({"data": {"erasureReceipt": answer}}), encoding="utf-8")
        command = [sys.executable, "-W", "ignore", str(tmp_path / "check.py"), str(file), key]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


async def test_the_lines_of_the_docs_prove_a_receipt(
    graph: Graph, verified: Callable[[dict[str, Any], str], subprocess.CompletedProcess[str]]
) -> None:
    await lake(graph)
    one = await deletion(graph)
    await completed(graph, one)
    answer = await receipt(graph, one)
    assert answer is not None
    key = answer["publicKey"]
    assert len(base64.b64decode(key)) == 32
    good = verified(answer, key)
    assert (good.returncode, good.stdout) == (0, f"proven: {one}\n")
    forged = answer | {"receipt": answer["receipt"].replace('"objectsDeleted":4', '"objectsDeleted":5')}
    assert forged != answer
    for wrong, with_key in ((forged, key), (answer, base64.b64encode(bytes(31) + b"\x01").decode())):
        bad = verified(wrong, with_key)
        assert (bad.returncode, bad.stdout) == (1, "")

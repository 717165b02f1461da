"""The audit trail by the address that a real server gives: for its holder, whole, the same each time, and signed."""

import asyncio
import base64
import hashlib
import json

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.system.serving import PATIENCE, ServerProcess
from tests.system.story import do, get

ASKED = '{{ exportAudit(lake: "eu", format: {}) {{ url }} }}'
CHECKPOINTS = "{ checkpoints(first: 1) { nodes { position hash publicKey } } }"


async def test_whoever_holds_the_address_can_show_the_trail_and_prove_it(server: ServerProcess) -> None:
    await do(server, "createDataLake", lakeId="eu", name="EU", owner="ann", region="eu", complianceLevel="GDPR")
    await do(server, "registerDataset", name="plain", fields=[{"name": "n", "type": "int"}])
    await do(server, "ingestDataset", lake="eu", dataset="plain", dataSource="crm", recordCount=1, containsPii=False)
    url = (await server.ask(ASKED.format("NDJSON")))["exportAudit"]["url"]
    await do(server, "auditAccess", lake="eu", dataset="plain", accessor="eve", action="copy", purpose="late")
    trail = (await get(url)).content
    *lines, last = trail.splitlines(keepends=True)
    assert [json.loads(line)["type"] for line in lines] == ["DataLakeCreated", "DatasetIngested"]
    seal = json.loads(last)
    key = await checkpoint_key(server)
    key.verify(base64.b64decode(seal["signature"]), seal["statement"].encode())
    assert json.loads(seal["statement"])["sha256"] == hashlib.sha256(b"".join(lines)).hexdigest()
    assert (await get(url)).content == trail
    assert (await get(f"{url}/signature")).content == last
    forged = await get(f"{url[:-2]}zz")
    assert (forged.status_code, forged.json()["error"]["code"]) == (403, "FORBIDDEN")


async def checkpoint_key(server: ServerProcess) -> Ed25519PublicKey:
    """The key of the server's first checkpoint, once there is one."""
    async with asyncio.timeout(PATIENCE):
        while not (nodes := (await server.ask(CHECKPOINTS))["checkpoints"]["nodes"]):
            await asyncio.sleep(0.1)  # the server writes it in its own time
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(nodes[0]["publicKey"]))

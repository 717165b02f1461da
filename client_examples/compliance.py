"""Erases a person from a lake of a Lakemesh server and proves it: made, asked for, done, and its receipt verified.

    API_KEY=lmk_... python client_examples/compliance.py [PREFIX]

PREFIX begins the names of what is made; without it a new one is chosen. The receipt is verified with the public key in
CHECKPOINT_KEY, as you know it from a checkpoint that you kept; without it the key that comes with the receipt is taken
at its word. It needs the packages `httpx` and `cryptography`.
"""

import base64
import json
import os
import sys
import uuid
from typing import Any

import httpx
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MEMBERS = """member,email,joined
1,ada@example.com,2024-02-11
2,jonas@example.org,2024-03-02
3,maja@example.net,soon
"""
FIELDS = [
    {"name": "member", "type": "int", "nullable": False, "primaryKey": True},
    {"name": "email", "type": "string", "pii": True, "subjectKey": True},
    {"name": "joined", "type": "date"},
]
PERSON = "jonas@example.org"
READ = 'query($of: ID!) { dataset(name: $of) { records(fields: ["email"]) { nodes } } }'
RECEIPT = "query($of: ID!) { erasureReceipt(deletion: $of) { receipt signature publicKey } }"
REPORT = """query($of: ID!) { dataLake(id: $of) { complianceReport {
  datasets datasetsWithPii deletionsRequested deletionsCompleted deletionsPending accessEvents
} } }"""


class Mesh:
    """A GraphQL client. Every mutation carries a key, so that it may be sent again without happening twice."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def ask(self, query: str, purpose: str = "", **variables: Any) -> Any:
        """The data of an answer. `purpose`: what rows are read for; reads of a GDPR lake must say it."""
        headers = {"X-Purpose": purpose} if purpose else {}
        answer = self._http.post("/graphql", json={"query": query, "variables": variables}, headers=headers).json()
        if "errors" in answer:
            error = answer["errors"][0]
            sys.exit(f"refused with {error['extensions']['code']}: {error['message']}")
        return answer["data"]

    def run(self, mutation: str, selection: str, **given: Any) -> Any:
        """What a mutation answers."""
        kind = f"{mutation[0].upper()}{mutation[1:]}Input"
        query = f"mutation($input: {kind}!) {{ {mutation}(input: $input) {{ {selection} }} }}"
        return self.ask(query, input=given)[mutation]

    def upload(self, filename: str, content: bytes) -> str:
        """Send a file and answer its fileUrl."""
        made = self.run("createUploadUrl", "fileUrl uploadUrl { url }", filename=filename)
        httpx.put(made["uploadUrl"]["url"], content=content).raise_for_status()
        return str(made["fileUrl"])

    def emails(self, dataset: str) -> list[str]:
        """Whom the rows are about."""
        rows = self.ask(READ, purpose="to show what an erasure does", of=dataset)["dataset"]["records"]["nodes"]
        return [row["email"] for row in rows]


def publish(mesh: Mesh, dataset: str) -> None:
    """A dataset with one batch, whose personal column is hidden from consumers."""
    contract, batch = f"{dataset}-contract", f"{dataset}-1"
    mesh.run("registerDataset", "dataset { id }", name=dataset, fields=FIELDS, idempotencyKey=f"register {dataset}")
    mesh.run(
        "createContract",
        "contract { id }",
        contractId=contract,
        dataset=dataset,
        onBadRows="SET_ASIDE",
        privacyRules=[{"column": "email", "strategy": "MASK"}],
        idempotencyKey=f"define {contract}",
    )
    mesh.run(
        "appendData",
        "batch { id }",
        dataset=dataset,
        contractId=contract,
        batchId=batch,
        fileUrl=mesh.upload("members.csv", MEMBERS.encode()),
        idempotencyKey=f"append {batch}",
    )
    for mutation in ("anonymizeData", "publishData"):
        mesh.run(mutation, "batch { id }", batchId=batch, idempotencyKey=f"{mutation} {batch}")


def guard(mesh: Mesh, lake: str, dataset: str) -> None:
    """A lake of level GDPR with the dataset in it."""
    mesh.run(
        "createDataLake",
        "dataLake { id }",
        lakeId=lake,
        name="Members, EU",
        owner="privacy@example.com",
        region="eu-central-1",
        complianceLevel="GDPR",
        idempotencyKey=f"create {lake}",
    )
    mesh.run(
        "ingestDataset",
        "dataLake { id }",
        lake=lake,
        dataset=dataset,
        dataSource="club register",
        recordCount=3,
        containsPii=True,
        idempotencyKey=f"ingest {dataset}",
    )


def erase(mesh: Mesh, lake: str, person: str) -> str:
    """Ask for the erasure and do it; the answer is the request. Keys and reasons name the case, never the person."""
    request = mesh.run(
        "requestGdprDeletion",
        "deletion { id deadline }",
        lake=lake,
        subjectId=person,
        reason="asked by letter, case 118",
        requestedBy="privacy desk",
        idempotencyKey=f"request case 118 {lake}",
    )["deletion"]
    print(f"an erasure is owed by {request['deadline'][:10]}")
    done = mesh.run(
        "processGdprDeletion",
        "run { status } deletion { status erased { layer rows } unreached }",
        deletion=request["id"],
        waitSeconds=60,
        idempotencyKey=f"process case 118 {lake}",
    )
    if done["run"]["status"] != "SUCCEEDED":
        sys.exit(f"the run is {done['run']['status']}: ask processGdprDeletion again to go on waiting")
    print(f"the request is {done['deletion']['status']}")
    for rows in done["deletion"]["erased"]:
        print(f"  {rows['layer']}: {rows['rows']}")
    for place in done["deletion"]["unreached"]:
        print(f"  out of reach: {place}")
    return str(request["id"])


def verify(proof: dict[str, str], known_key: str | None) -> dict[str, Any]:
    """What the receipt states, once its signature is verified; no server is needed for this."""
    if known_key not in (None, proof["publicKey"]):
        sys.exit("the receipt was signed with another key than the one that is known")
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(proof["publicKey"]))
    try:
        public.verify(base64.b64decode(proof["signature"]), proof["receipt"].encode())
    except InvalidSignature:
        sys.exit("the receipt is not what was signed")
    stated: dict[str, Any] = json.loads(proof["receipt"])
    return stated


def main() -> None:
    """Read the environment and go."""
    server = os.environ.get("LAKEMESH", "http://127.0.0.1:8000")
    headers = {"Authorization": f"Bearer {os.environ['API_KEY']}"}
    prefix = sys.argv[1] if len(sys.argv) > 1 else f"example-{uuid.uuid4().hex[:8]}"
    dataset, lake = f"{prefix}-members", f"{prefix}-eu"
    with httpx.Client(base_url=server, headers=headers, timeout=90) as http:
        mesh = Mesh(http)
        publish(mesh, dataset)
        guard(mesh, lake, dataset)
        print(f"{dataset} is about {', '.join(mesh.emails(dataset))}")
        request = erase(mesh, lake, PERSON)
        print(f"{dataset} is about {', '.join(mesh.emails(dataset))}")
        proof = mesh.ask(RECEIPT, of=request)["erasureReceipt"]
        stated = verify(proof, os.environ.get("CHECKPOINT_KEY"))
        print(f"proven: erased by order of {stated['orderedBy']}, event {stated['position']} of the log")
        report = mesh.ask(REPORT, of=lake)["dataLake"]["complianceReport"]
    for what, number in report.items():
        print(f"{what}: {number}")


if __name__ == "__main__":
    main()

"""Takes one file through its whole life on a Lakemesh server: registered, checked, anonymised, published, downloaded.

    API_KEY=lmk_... python client_examples/register_and_publish.py [NAME]

NAME becomes the dataset's; without it a new name is made. It needs the package `httpx`.
"""

import os
import sys
import uuid
from pathlib import Path
from typing import Any

import httpx

READINGS = """sensor,owner,celsius,read_at
1,ada@example.com,21.5,2024-05-01T08:00:00Z
2,jonas@example.org,19.0,2024-05-01T08:00:00Z
3,maja@example.net,warm,2024-05-01T08:00:00Z
"""
FIELDS = [
    {"name": "sensor", "type": "int", "nullable": False, "primaryKey": True},
    {"name": "owner", "type": "string", "pii": True},
    {"name": "celsius", "type": "decimal(4,1)", "nullable": False},
    {"name": "read_at", "type": "datetime", "nullable": False},
]


class Mesh:
    """A GraphQL client. Every mutation carries a key, so that it may be sent again without happening twice."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def run(self, mutation: str, selection: str, **given: Any) -> Any:
        """What a mutation answers."""
        kind = f"{mutation[0].upper()}{mutation[1:]}Input"
        query = f"mutation($input: {kind}!) {{ {mutation}(input: $input) {{ {selection} }} }}"
        answer = self._http.post("/graphql", json={"query": query, "variables": {"input": given}}).json()
        if "errors" in answer:
            error = answer["errors"][0]
            sys.exit(f"{mutation} was refused with {error['extensions']['code']}: {error['message']}")
        return answer["data"][mutation]

    def upload(self, filename: str, content: bytes) -> str:
        """Send a file and answer its fileUrl."""
        made = self.run("createUploadUrl", "fileUrl uploadUrl { url }", filename=filename)
        httpx.put(made["uploadUrl"]["url"], content=content).raise_for_status()
        return str(made["fileUrl"])


def life(mesh: Mesh, dataset: str) -> Path:
    """Play it; the answer is the file that the consumer has at the end."""
    contract, batch = f"{dataset}-contract", f"{dataset}-1"
    mesh.run("registerDataset", "dataset { id }", name=dataset, fields=FIELDS, idempotencyKey=f"register {dataset}")
    print(f"{dataset} is registered")
    mesh.run(
        "createContract",
        "contract { id }",
        contractId=contract,
        dataset=dataset,
        onBadRows="SET_ASIDE",
        qualityRules=[{"column": "celsius", "check": "between -90 and 60"}, {"column": "sensor", "check": "unique"}],
        privacyRules=[{"column": "owner", "strategy": "HASH"}],
        idempotencyKey=f"define {contract}",
    )
    print(f"{contract} says what its batches must satisfy")
    appended = mesh.run(
        "appendData",
        "batch { rowCount rejectedRows { line reason } }",
        dataset=dataset,
        contractId=contract,
        batchId=batch,
        fileUrl=mesh.upload("readings.csv", READINGS.encode()),
        idempotencyKey=f"append {batch}",
    )["batch"]
    print(f"{batch} has {appended['rowCount']} rows")
    for row in appended["rejectedRows"]:
        print(f"  line {row['line']} was set aside: {row['reason']}")
    for mutation in ("runQualityCheck", "anonymizeData", "publishData"):
        done = mesh.run(mutation, "batch { status }", batchId=batch, idempotencyKey=f"{mutation} {batch}")
        print(f"{batch} is {done['batch']['status']}")
    grant = mesh.run(
        "grantConsumption",
        "grant { url { url } }",
        batchId=batch,
        consumer="analytics",
        purpose="a first look",
        idempotencyKey=f"grant {batch}",
    )["grant"]
    file = Path(f"{batch}.parquet")
    file.write_bytes(httpx.get(grant["url"]["url"]).raise_for_status().content)
    print(f"analytics has {file}")
    return file


def main() -> None:
    """Read the environment and go."""
    server = os.environ.get("LAKEMESH", "http://127.0.0.1:8000")
    headers = {"Authorization": f"Bearer {os.environ['API_KEY']}"}
    dataset = sys.argv[1] if len(sys.argv) > 1 else f"readings-{uuid.uuid4().hex[:8]}"
    with httpx.Client(base_url=server, headers=headers, timeout=60) as http:
        life(Mesh(http), dataset)


if __name__ == "__main__":
    main()

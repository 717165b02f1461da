"""A lake with a subject in it, and the search for every byte of it."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tests.mesh.at_work import AtWork

SUBJECT = "canary-7f3a91"
FIELDS: list[dict[str, Any]] = [
    {"name": "person", "type": "string", "pii": True, "subjectKey": True},
    {"name": "note", "type": "string"},
    {"name": "amount", "type": "decimal(10,2)"},
]
CSV = f"person,note,amount\nann,x,1.00\n{SUBJECT},y,2.00\nbob,seen with {SUBJECT} there,3.00\n{SUBJECT},z,bad\n"
CLEAN = "person,note,amount\nann,x,1.00\nbob,y,2.00\n"
PRIVACY = [{"column": "person", "strategy": "PSEUDONYMIZE"}]
QUALITY = [{"column": "amount", "check": "> 100"}]


async def lake_with(mesh: AtWork, *batches: tuple[str, str], dataset: str = "people") -> None:
    """A GDPR lake `eu` with a dataset and these batches of it."""
    await mesh.dataset(dataset, FIELDS, privacyRules=PRIVACY, onBadRows="SET_ASIDE")
    for batch, text in batches:
        await mesh.append(dataset, batch, text)
    await mesh.do("createDataLake", lakeId="eu", name="eu", owner="ann", region="eu", complianceLevel="GDPR")
    await mesh.do("ingestDataset", lake="eu", dataset=dataset, dataSource="files", recordCount=3, containsPii=True)


async def requested(mesh: AtWork, subject: str = SUBJECT) -> str:
    """A new request's URN."""
    payload = await mesh.do(
        "requestGdprDeletion",
        "deletion { id }",
        lake="eu",
        subjectId=subject,
        reason="a letter",
        requestedBy="desk 4",
    )
    return str(payload["deletion"]["id"])


async def processed(mesh: AtWork, deletion: str) -> dict[str, Any]:
    """The request once it is done."""
    payload = await mesh.do(
        "processGdprDeletion",
        "deletion { status erased { batch { batchId } layer rows } objectsDeleted unreached }"
        " run { status error errorCode } events { type }",
        deletion=deletion,
        waitSeconds=60,
    )
    answered: dict[str, Any] = payload
    return answered


def holding(root: Path, subject: str = SUBJECT) -> list[str]:
    """The files below a folder that hold the subject, in plain bytes or inside Parquet."""
    found: list[str] = []
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        content = path.read_bytes()
        if content.startswith(b"PAR1"):
            content += repr(pq.read_table(path).to_pylist()).encode()
        if subject.encode() in content:
            found.append(path.relative_to(root).as_posix())
    return found

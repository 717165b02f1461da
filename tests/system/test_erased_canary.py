"""A subject in every path that data takes; after its erasure no byte of it is in any file, table, dump or log."""

import asyncio
import json
from pathlib import Path

import asyncpg
import pyarrow.parquet as pq

from server.adapters.postgres.datadir import DataDir
from tests.system.serving import ServerProcess
from tests.system.story import Json, do, document, upload

CANARY = "zanzibar.471147"
FIELDS: list[Json] = [
    {"name": "person", "type": "string", "pii": True, "subjectKey": True},
    {"name": "note", "type": "string"},
    {"name": "amount", "type": "decimal(10,2)"},
]
CSV = (
    "person,note,amount\n"
    "ann,plain,1.00\n"
    f"{CANARY},first,2.00\n"
    f"bob,seen with {CANARY} there,3.00\n"
    f"{CANARY},{CANARY},none\n"
    f"cy,{CANARY},4.00,one cell too many\n"
)
ALL_ROWS = """{ dataset(name: "people") { records(layer: %s, first: 100) { nodes } } }"""


async def planted(server: ServerProcess, data_dir: Path) -> None:
    """The canary in uploads, rows, rejects, samples, layers, old attempts, errors, a Delta log and unfinished files."""
    privacy = [{"column": "person", "strategy": "PSEUDONYMIZE"}]
    await do(server, "registerDataset", name="people", fields=FIELDS)
    await do(server, "createContract", contractId="c", dataset="people", privacyRules=privacy, onBadRows="SET_ASIDE")
    await do(server, "createContract", contractId="strict", dataset="people", privacyRules=privacy)
    people = {"dataset": "people", "contractId": "c"}
    await do(server, "appendData", **people, batchId="b1", fileUrl=await upload(server, CSV))
    record = {"person": CANARY, "note": "made", "amount": 5}
    await do(server, "createRecords", **people, batchId="b2", records=[record])
    await upload(server, CSV)
    wrong = {"dataset": "people", "contractId": "strict", "fileUrl": await upload(server, CSV)}
    assert (await server.answer(document("appendData", "__typename"), input=wrong))["errors"]
    await do(server, "requestReplay", dataset="people", reason="anew")
    for batch in ("b1", "b2"):
        rule = {"column": "amount", "check": "> 100", "severity": "WARNING"}
        await do(server, "runQualityCheck", batchId=batch, rules=[rule])
        await do(server, "anonymizeData", batchId=batch)
        await do(server, "publishData", batchId=batch)
    staging = data_dir / "lake" / ".staging"
    (staging / "dead.alive").touch()
    (staging / "dead.1.part").write_text(CSV)
    (data_dir / "lake" / "people" / "bronze" / "b1" / "999.parquet").write_text(CSV)


async def erased(server: ServerProcess) -> Json:
    """The request, processed."""
    lake = {"lakeId": "eu", "name": "eu", "owner": "ann", "region": "eu", "complianceLevel": "GDPR"}
    await do(server, "createDataLake", **lake)
    ingest = {"lake": "eu", "dataset": "people", "dataSource": "files", "recordCount": 4, "containsPii": True}
    await do(server, "ingestDataset", **ingest)
    asked = {"lake": "eu", "subjectId": CANARY, "reason": "a letter", "requestedBy": "desk 4"}
    deletion = (await do(server, "requestGdprDeletion", "deletion { id }", **asked))["deletion"]["id"]
    select = "run { status error } deletion { status subjectId erased { batch { batchId } layer rows } unreached }"
    return await do(server, "processGdprDeletion", select, deletion=deletion, waitSeconds=60)


async def dumped(data_dir: Path) -> str:
    """Every row of every table, once Postgres has let go of what it replaced."""
    connection = await asyncpg.connect(DataDir(path=data_dir.resolve()).dsn())
    try:
        for _ in range(2):  # the second makes the first one's segment a spare
            await connection.execute("vacuum full")
            await connection.execute("checkpoint")
            await connection.execute("select pg_switch_wal()")
        tables = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
        rows = [
            str(row[0]) for (table,) in tables for row in await connection.fetch(f'select t::text from "{table}" t')
        ]
        assert any("GDPRDeletionCompleted" in row for row in rows)
        return "\n".join(rows)
    finally:
        await connection.close()


def contents(path: Path) -> str:
    """The bytes of a file, and the values of one in Parquet."""
    content = path.read_bytes()
    values = repr(pq.read_table(path).to_pylist()) if content.startswith(b"PAR1") else ""
    return content.decode("latin-1") + values


async def test_no_byte_of_an_erased_subject_is_left(server: ServerProcess, data_dir: Path) -> None:
    await planted(server, data_dir)
    before = [path for path in data_dir.rglob("*") if path.is_file() and CANARY in contents(path)]
    kinds = {path.relative_to(data_dir / "lake").parts[0] for path in before if "lake" in path.parts}
    assert kinds == {"landing", "people", ".staging"}
    done = await erased(server)
    assert done["run"] == {"status": "SUCCEEDED", "error": None}
    assert (done["deletion"]["status"], done["deletion"]["subjectId"]) == ("COMPLETED", None)
    assert {(one["batch"]["batchId"], one["layer"]): one["rows"] for one in done["deletion"]["erased"]} == {
        ("b1", "BRONZE"): 3,
        ("b1", "SILVER"): 1,
        ("b1", "GOLD"): 1,
        ("b2", "BRONZE"): 1,
        ("b2", "SILVER"): 1,
        ("b2", "GOLD"): 1,
    }
    assert CANARY not in json.dumps(done)
    for layer in ("BRONZE", "GOLD"):
        answer = await server.client.post(
            "/graphql", json={"query": ALL_ROWS % layer}, headers={"X-Purpose": "look again"}
        )
        rows = answer.json()["data"]["dataset"]["records"]["nodes"]
        assert [row["note"] for row in rows] == ["plain", "seen with [erased] there"]
    verified = await server.ask("{ verifyLog { intact } }")
    assert verified["verifyLog"]["intact"]
    assert CANARY not in await dumped(data_dir)
    assert await server.stop() == 0
    assert CANARY not in server.log()
    held = [
        path for path in data_dir.rglob("*") if path.is_file() and CANARY in await asyncio.to_thread(contents, path)
    ]
    assert held == []

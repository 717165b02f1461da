"""Subjects of every kind, in every spelling and kind of file: erased side by side, and nothing of them is left."""

import asyncio
import io
import json
import unicodedata
from pathlib import Path

import asyncpg
import pyarrow as pa
import pyarrow.parquet as pq

from server.adapters.postgres.datadir import DataDir
from tests.system.serving import ServerProcess
from tests.system.story import Json, do, refusal, upload

MAIL, UMLAUT, NUMBER = "Zan.Zibar+eu@Example.org", "Müllér-Zanzibär", "471147001"
UUID, SIGNS, SHORT = "b7e1c3d4-5f6a-4b8c-9d0e-1f2a3b4c5d6e", "zq%+41%k", "zqx"
SUBJECTS = (MAIL, UMLAUT, NUMBER, UUID, SIGNS, SHORT)
OTHERWISE = {
    MAIL: MAIL.upper(),
    UMLAUT: unicodedata.normalize("NFD", UMLAUT),
    UUID: UUID.upper(),
    NUMBER: f" {NUMBER}",
}
FIELDS: list[Json] = [
    {"name": "person", "type": "string", "pii": True, "subjectKey": True},
    {"name": "number", "type": "int"},
    {"name": "note", "type": "string"},
    {"name": "more", "type": "json"},
]
PRIVACY = [{"column": "person", "strategy": "PSEUDONYMIZE"}]
KINDS = ("text", "lines", "columns")


def number_of(subject: str) -> int:
    return int(subject) if subject.isdecimal() else 7


def in_csv() -> bytes:
    lines = ["person,number,note,more", *(f"p{number},{number},plain," for number in range(60))]
    for subject in SUBJECTS:
        inside = json.dumps({"who": [{"id": f"about {subject}"}]}).replace('"', '""')
        lines += [
            f'"{OTHERWISE.get(subject, subject)}",{number_of(subject)},x,',
            f'bob,8,"one line\nand {subject}, twice\n",',
            f'cy,9,y,"{inside}"',
            f'"{subject}",no number,z,',
            f'"{subject}" and more,1,z,',
            f"dora,1,{subject},,a cell too many",
        ]
    return ("\n".join(lines) + "\n").encode()


def in_ndjson() -> bytes:
    rows: list[Json] = [{"person": f"p{number}", "number": number, "note": "plain"} for number in range(60)]
    broken: list[str] = []
    for subject in SUBJECTS:
        rows += [
            {"person": OTHERWISE.get(subject, subject), "number": 1, "note": "n"},
            {"person": "k", "number": 1, "note": "n", "more": {subject: 1}},
            {"person": "k", "number": 1, "note": f"see {subject}", "of no column": subject},
        ]
        broken.append(f'{{"person": "broken {subject} ')
    return "\n".join([*(json.dumps(row) for row in rows), *broken, ""]).encode()


def in_parquet() -> bytes:
    rows = [(f"p{number}", number, "plain") for number in range(60)]
    for subject in SUBJECTS:
        rows += [(OTHERWISE.get(subject, subject), number_of(subject), "x"), ("bob", 1, f"saw {subject}")]
    people, numbers, notes = (list(column) for column in zip(*rows, strict=True))
    table = pa.table({"person": people, "number": numbers, "note": notes})
    file = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({"made for": ", ".join(SUBJECTS)}), file, compression="zstd")
    return file.getvalue()


async def planted(server: ServerProcess) -> None:
    for name, content in zip(KINDS, (in_csv(), in_ndjson(), in_parquet()), strict=True):
        await do(server, "registerDataset", name=name, fields=FIELDS)
        terms = {"dataset": name, "privacyRules": PRIVACY, "onBadRows": "SET_ASIDE"}
        await do(server, "createContract", contractId=name, **terms)
        for batch in (name, f"{name}-quarantined"):
            file = await upload(server, content)
            await do(server, "appendData", dataset=name, contractId=name, batchId=batch, fileUrl=file)
        await do(server, "quarantineBatch", batchId=f"{name}-quarantined", reason="odd")
        rule = {"column": "person", "check": "matches '^x+$'", "severity": "WARNING"}
        await do(server, "runQualityCheck", batchId=name, rules=[rule])
        await do(server, "anonymizeData", batchId=name)
        await do(server, "publishData", batchId=name)
        await upload(server, content)
    await do(server, "createContract", contractId="strict", dataset="text")
    for subject in SUBJECTS:
        header = f"person,number,note,more,{subject}\nann,1,x,,1\n".encode()
        given = {"dataset": "text", "contractId": "strict"}
        await refusal(server, "appendData", fileUrl=await upload(server, header), **given)
        row = {"person": subject, "number": subject, "note": subject}
        await refusal(server, "createRecords", records=[row, {subject: 1}], **given)
        await upload(server, f"person\n{subject}\n".encode("utf-16"))


async def erased(server: ServerProcess) -> list[Json]:
    """The requests, processed side by side."""
    await do(server, "createDataLake", lakeId="eu", name="eu", owner="ann", region="eu", complianceLevel="GDPR")
    for name in KINDS:
        await do(server, "ingestDataset", lake="eu", dataset=name, dataSource="x", recordCount=4, containsPii=True)

    deletions: list[str] = []
    for subject in SUBJECTS:
        asked = {"lake": "eu", "subjectId": subject, "reason": "a letter", "requestedBy": "desk 4"}
        deletions.append((await do(server, "requestGdprDeletion", "deletion { id }", **asked))["deletion"]["id"])
    select = "run { status } deletion { status unreached erased { batch { batchId } layer rows } }"
    runs = [do(server, "processGdprDeletion", select, deletion=one, waitSeconds=60) for one in deletions]
    return await asyncio.gather(*runs)


async def tables(data_dir: Path) -> str:
    """All rows of all tables, those of Postgres itself too, once it has written everything down."""
    connection = await asyncpg.connect(DataDir(path=data_dir.resolve()).dsn())
    try:
        for _ in range(2):
            await connection.execute("checkpoint")
            await connection.execute("select pg_switch_wal()")
        names = await connection.fetch(
            "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname <> 'information_schema'"
        )
        found = [await connection.fetch(f"select t::text from {name} t") for (name,) in names]
        return "\n".join(str(row[0]) for rows in found for row in rows)
    finally:
        await connection.close()


def held(text: str) -> list[str]:
    folded = unicodedata.normalize("NFC", text).casefold()
    return [subject for subject in SUBJECTS if subject.casefold() in folded]


def contents(path: Path) -> str:
    """What stands in a file: its bytes as text, in two encodings; of Parquet also values and notes."""
    octets = path.read_bytes()
    texts = [octets.decode(errors="replace"), octets.decode("utf-16-le", errors="replace")]
    if octets.startswith(b"PAR1"):
        table = pq.read_table(path)
        texts.append(f"{table.to_pylist()} {table.schema.metadata}")
    return "\n".join(texts)


async def test_no_spelling_of_any_subject_is_left(server: ServerProcess, data_dir: Path) -> None:
    await planted(server)
    before = [path for path in data_dir.rglob("*.parquet") if len(held(contents(path))) == len(SUBJECTS)]
    assert {path.relative_to(data_dir / "lake").parts[1] for path in before} >= {"raw", "bronze"}
    done = await erased(server)
    assert [one["run"]["status"] for one in done] == ["SUCCEEDED"] * len(SUBJECTS)
    assert held(json.dumps(done, ensure_ascii=False)) == []
    for name in KINDS:
        await do(server, "requestReplay", dataset=name, reason="anew", waitSeconds=60)
    rows = await server.ask("{ batches(first: 10) { nodes { batchId rowCount } } }")
    count = {batch["batchId"]: batch["rowCount"] for batch in rows["batches"]["nodes"]}
    left = {"text": 60 + 2 * len(SUBJECTS), "lines": 60, "columns": 60 + len(SUBJECTS)}
    assert count == {**left, **{f"{name}-quarantined": left[name] for name in KINDS}}
    assert held(await tables(data_dir)) == []
    assert await server.stop() == 0
    assert held(server.log()) == []
    files = [path for path in data_dir.rglob("*") if path.is_file() and "pg_wal" not in path.parts]
    assert [path for path in files if held(await asyncio.to_thread(contents, path))] == []

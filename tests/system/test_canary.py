"""A canary in every personal column: it stands in the rows and the files that hold them, and nowhere else."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pyarrow.parquet as pq

from tests.system.serving import ServerProcess
from tests.system.story import Json, do, document, upload

STEM = "zanzibar"  # in every text, in no word of the server
CARD = "6229259912345"  # the digits with which every number begins; a mask shows the four behind them
FIELDS: list[Json] = [
    {"name": "key", "type": "string", "primaryKey": True, "pii": True},
    {"name": "email", "type": "string", "pii": True},
    {"name": "phone", "type": "string", "pii": True},
    {"name": "name", "type": "string", "pii": True},
    {"name": "card", "type": "int", "pii": True},
    {"name": "born", "type": "date", "pii": True},
    {"name": "note", "type": "json", "pii": True},
    {"name": "amount", "type": "decimal(10,2)"},
]
HEADER = ",".join(field["name"] for field in FIELDS)
QUALITY: list[Json] = [
    {"column": "key", "check": "matches '^[0-9]+$'"},
    {"column": "email", "check": "unique"},
    {"column": "phone", "check": "length <= 3"},
    {"column": "name", "check": "in ('a', 'b')"},
    {"column": "card", "check": "< 5"},
    {"column": "born", "check": "> '2100-01-01'"},
    {"column": "amount", "check": "< 0"},
]
PRIVACY: list[Json] = [
    {"column": "key", "strategy": "PSEUDONYMIZE"},
    {"column": "email", "strategy": "MASK"},
    {"column": "phone", "strategy": "MASK", "params": {"keepLast": 2}},
    {"column": "name", "strategy": "HASH"},
    {"column": "card", "strategy": "MASK"},
    {"column": "born", "strategy": "REDACT"},
    {"column": "note", "strategy": "DROP"},
]
TELLING = """{
  events(first: 100) { nodes { type data ... on Event { id } } }
  processRuns(first: 100) { nodes { kind status error errorDetails } }
  batch(id: "b1") {
    rejectedRows { line column reason }
    qualityReports { results { failedRows sample } }
    privacyReports { rows rules { column params } }
  }
}"""


def line(key: str, *, card: str = "", born: str = "1907-03-11", amount: str = "5.00") -> str:
    cells = [
        f"{STEM}-{key}",
        f"{STEM}@example.com",
        f"{STEM}-99",
        STEM.upper(),
        card or f"{CARD}001",
        born,
        f'"{{""a"": ""{STEM}""}}"',
        amount,
    ]
    return ",".join(cells)


GOOD = "\n".join([HEADER, line("1"), line("2")]) + "\n"
BAD = "\n".join(
    [
        line("1"),  # the key stands above
        line("3", card=f"{CARD}x"),
        line("4", born=f"{STEM} 1907"),
        line("5", amount=STEM),
        line("6") + f",{STEM}",  # a cell too many
    ]
)


async def told(server: ServerProcess) -> AsyncIterator[str]:
    """Every refusal that values could get into."""
    people = {"dataset": "people", "contractId": "strict"}
    wrong: list[tuple[str, Json]] = [
        ("appendData", {**people, "fileUrl": await upload(server, GOOD + BAD + "\n")}),
        ("appendData", {**people, "fileUrl": await upload(server, f"{STEM},{STEM}\n{STEM}")}),
        ("appendData", {**people, "fileUrl": await upload(server, f'{HEADER}\n"{STEM}')}),
        ("anonymizeData", {"batchId": "b1", "rules": [{"column": "amount", "strategy": "GENERALIZE"}]}),
        (
            "anonymizeData",
            {"batchId": "b1", "rules": [{"column": "name", "strategy": "GENERALIZE", "params": {"prefix": 50}}]},
        ),
        ("createRecords", {**people, "records": [record("1")]}),
        ("createRecords", {**people, "records": [record("8"), record("8")]}),
        ("createRecords", {**people, "records": [{**record("9"), "card": STEM}]}),
        ("createRecords", {**people, "records": [{**record("9"), "born": STEM}]}),
        ("createRecords", {**people, "records": [{**record("9"), "amount": STEM}]}),
    ]
    for name, given in wrong:
        answer = await server.answer(document(name, "__typename"), input=given)
        assert answer["errors"], name
        assert answer["errors"][0]["extensions"]["code"] != "INTERNAL", answer
        yield json.dumps(answer)


def record(key: str) -> Json:
    cells = {
        "email": f"{STEM}@example.com",
        "phone": STEM,
        "name": STEM,
        "card": int(f"{CARD}002"),
        "born": "1907-03-11",
    }
    return {"key": f"{STEM}-{key}", **cells, "note": {"a": STEM}, "amount": 1}


def found_in(text: str) -> list[str]:
    return [canary for canary in (STEM, STEM.upper(), CARD, "1907-03-11") if canary in text]


async def test_no_value_of_a_personal_column_gets_out(server: ServerProcess, data_dir: Path) -> None:
    await do(server, "registerDataset", name="people", fields=FIELDS)
    terms = {"dataset": "people", "qualityRules": QUALITY, "privacyRules": PRIVACY}
    await do(server, "createContract", contractId="lenient", onBadRows="SET_ASIDE", **terms)
    await do(server, "createContract", contractId="strict", dataset="people")
    people = {"dataset": "people", "contractId": "lenient", "batchId": "b1"}
    file = await upload(server, GOOD + BAD + "\n")
    made = await do(server, "appendData", "batch { rowCount rejectedRowCount }", **people, fileUrl=file)
    assert made["batch"] == {"rowCount": 2, "rejectedRowCount": 5}
    await do(server, "runQualityCheck", batchId="b1")
    async for refusal in told(server):
        assert found_in(refusal) == [], refusal
    await do(server, "anonymizeData", batchId="b1")
    telling = await server.ask(TELLING)
    assert [len(result["sample"]) > 0 for result in telling["batch"]["qualityReports"][0]["results"]] == [True] * 7
    assert found_in(json.dumps(telling)) == []
    await do(server, "updateContract", contract="lenient", qualityRules=[])
    await do(server, "publishData", batchId="b1")
    assert await server.stop() == 0
    assert found_in(server.log()) == []
    files = [path for path in data_dir.rglob("*") if path.is_file()]
    kept = {"landing", "raw", "bronze"}  # what came, and its rows: readable by whoever may read rows
    others = [path for path in files if not kept.intersection(path.parts) or path.name.endswith(".samples.json")]
    layers = [path for path in others if path.suffix == ".parquet"]
    assert {path.parent.parent.name for path in layers} == {"silver", "gold"}
    assert [path.name for path in others if ".samples." in path.name] != []
    for path in others:
        content = await asyncio.to_thread(path.read_bytes)
        assert found_in(content.decode("latin-1")) == [], path.name
    for path in layers:
        assert found_in(repr(pq.read_table(path).to_pylist())) == [], path.name

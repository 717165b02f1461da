"""Tables as people have them: questions for names, any script, other encodings, values that are none."""

import csv
import io
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
import pytest_asyncio

from tests.system.serving import ServerProcess, command, serving
from tests.system.story import Json, do, get, refusal, upload

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY, BUDGET, PERIOD = "RespondentID", "budget_2013$", "period code"
QUESTION = (
    'When faced with using the word "data", how much, if at all, do you care whether it is singular or plural; and'
    " would you say so (in your own words, please) to somebody who disagrees with you about it? (Q. 7, 100% required)"
)
SURVEY = [
    {"name": KEY, "type": "int", "nullable": False, "primaryKey": True},
    {"name": QUESTION, "type": "string"},
    {"name": BUDGET, "type": "int"},
    {"name": PERIOD, "type": "int"},
    {"name": "e-mail", "type": "string", "pii": True},
]
RULES = [
    {"column": QUESTION, "check": "in ('Yes', 'No, \"never\"', 'It''s fine')"},
    {"column": BUDGET, "check": f'> 0 when "{PERIOD}" = 1'},
    {"column": None, "check": f'unique with ("{PERIOD}", {KEY})'},
]
HIDDEN = [{"column": QUESTION, "strategy": "HASH"}, {"column": "e-mail", "strategy": "MASK"}]
ANSWERS = ("Yes", 'No, "never"', "It's fine")
BATCH = "batch { status rowCount rejectedRowCount rejectedRows { line column reason } }"
READ = """query ($name: ID!, $layer: Layer, $filter: [RecordFilter!], $order: [RecordOrder!], $fields: [String!]) {
  dataset(name: $name) {
    recordCount(layer: $layer, filter: $filter)
    records(layer: $layer, filter: $filter, orderBy: $order, fields: $fields) { nodes }
  } }"""
STREAM = """query ($name: ID!, $format: DataFormat!, $fields: [String!]) {
  dataset(name: $name) { streamUrl(format: $format, fields: $fields) { url } } }"""
SCHEMA = "query ($name: ID!) { dataset(name: $name) { schema { name type nullable pii primaryKey } } }"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServerProcess]:
    """One server for all tables."""
    async with serving(tmp_path_factory.mktemp("tables") / "data", SCHEDULE_SECONDS="100000") as server:
        yield server
        assert await server.stop() == 0
        assert "Traceback" not in server.log()


def survey(first: int, count: int) -> str:
    """Answers as a spreadsheet writes them, every third budget `#N/A`."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([field["name"] for field in SURVEY])
    for number in range(first, first + count):
        budget = "#N/A" if number % 3 == 0 else number * 1000
        writer.writerow([number, ANSWERS[number % 3], budget, 1 + number % 2, f"p{number}@example.com"])
    return text.getvalue()


async def table(mesh: ServerProcess, name: str, fields: list[Json], content: str | bytes, **terms: object) -> Json:
    """The one batch, `<name>-1`, of a dataset of its own."""
    await do(mesh, "registerDataset", name=name, fields=fields)
    await do(mesh, "createContract", contractId=name, dataset=name, onBadRows="SET_ASIDE", **terms)
    return await append(mesh, name, f"{name}-1", content)


async def append(mesh: ServerProcess, name: str, batch: str, content: str | bytes) -> Json:
    file = await upload(mesh, content)
    made = await do(mesh, "appendData", BATCH, dataset=name, contractId=name, batchId=batch, fileUrl=file)
    found: Json = made["batch"]
    return found


async def read(mesh: ServerProcess, name: str, **asked: object) -> tuple[int, list[Json]]:
    """How many rows match, and the first of them without ids and instants."""
    found = (await mesh.ask(READ, name=name, **asked))["dataset"]
    rows = [{key: row[key] for key in row if key[0] != "_"} for row in found["records"]["nodes"]]
    return int(found["recordCount"]), rows


async def test_a_survey_with_questions_for_names_goes_the_whole_way(mesh: ServerProcess) -> None:
    text = survey(1, 60)
    given = {"qualityRules": RULES, "privacyRules": HIDDEN, "retentionDays": 30}
    batch = await table(mesh, "survey", SURVEY, text, **given)
    assert (batch["rowCount"], batch["rejectedRowCount"]) == (40, 20)
    reason = f"{BUDGET}: not an int, which is digits with an optional sign, within 64 bits"
    assert batch["rejectedRows"][0] == {"line": 4, "column": BUDGET, "reason": reason}
    await do(mesh, "updateContract", contract="survey", csv={"nullValues": ["#N/A"]})
    replayed = await do(mesh, "requestReplay", "events { type } run { rowsDone }", dataset="survey")
    assert replayed["run"]["rowsDone"] == 60
    for step in ("runQualityCheck", "anonymizeData", "publishData"):
        done = await do(mesh, step, "batch { status layers rowCount }", batchId="survey-1")
    assert done["batch"] == {"status": "PUBLISHED", "layers": ["BRONZE", "SILVER", "GOLD"], "rowCount": 60}
    never = {"field": QUESTION, "op": "LIKE", "value": '%"never"'}
    rich = {"field": BUDGET, "op": "GT", "value": 30_000}
    order = [{"field": PERIOD, "descending": True}, {"field": BUDGET}]
    count, rows = await read(mesh, "survey", filter=[never, rich], order=order, fields=[PERIOD, BUDGET, QUESTION])
    wanted = [number for number in range(31, 61) if number % 3 == 1]
    assert (count, len(rows)) == (len(wanted), len(wanted))
    expected = sorted(wanted, key=lambda number: (-(number % 2), number))
    assert [(row[PERIOD], row[BUDGET]) for row in rows] == [(1 + n % 2, n * 1000) for n in expected]
    masked = {"field": "e-mail", "op": "EQ", "value": "p***@example.com"}
    assert (await read(mesh, "survey", layer="GOLD", filter=[masked], fields=[KEY]))[0] == 60
    assert (await read(mesh, "survey", layer="GOLD", filter=[never]))[0] == 0
    known = await append(mesh, "survey", "survey-2", survey(60, 2))
    taken = f"{KEY}: the primary key stands in the dataset already"
    assert known["rejectedRows"] == [{"line": 2, "column": KEY, "reason": taken}]


async def test_its_rows_are_streamed_in_every_format_as_they_came(mesh: ServerProcess) -> None:
    names = [KEY, QUESTION, BUDGET]
    rows = [[n, ANSWERS[n % 3], None if n % 3 == 0 else n * 1000] for n in range(1, 62)]
    found: dict[str, Any] = {}
    for form in ("NDJSON", "CSV", "PARQUET", "ARROW"):
        made = await mesh.ask(STREAM, name="survey", format=form, fields=names)
        found[form] = (await get(made["dataset"]["streamUrl"]["url"])).content
    lines = [json.loads(line) for line in found["NDJSON"].splitlines()]
    assert [[line[name] for name in names] for line in lines] == rows
    cells = list(csv.reader(io.StringIO(found["CSV"].decode())))
    assert cells[0] == ["_id", *names]
    assert [row[1:] for row in cells[1:]] == [["" if cell is None else str(cell) for cell in row] for row in rows]
    for read_back in (
        parquet.read_table(io.BytesIO(found["PARQUET"])),
        pa.ipc.open_stream(found["ARROW"]).read_all(),
    ):
        assert [[row[name] for name in names] for row in read_back.to_pylist()] == rows


@pytest.mark.parametrize("form", ["JSON_SCHEMA", "AVRO", "SQL_DDL"])
async def test_its_schema_goes_out_and_comes_back(mesh: ServerProcess, form: str) -> None:
    query = 'query ($form: SchemaFormat!) { dataset(name: "survey") { schemaAs(format: $form) } }'
    text = (await mesh.ask(query, form=form))["dataset"]["schemaAs"]
    name = f"survey-{form.lower().replace('_', '-')}"
    await do(mesh, "registerDataset", name=name, schemaText=text, schemaFormat=form)
    schemas = [(await mesh.ask(SCHEMA, name=each))["dataset"]["schema"] for each in ("survey", name)]
    assert schemas[0] == schemas[1]


async def test_its_schema_changes_and_rows_are_made_one_by_one(mesh: ServerProcess) -> None:
    note = {"name": '🎬 Note, "free"', "type": "string"}
    wider = [field | {"type": "decimal(21,2)"} if field["name"] == BUDGET else field for field in SURVEY]
    text = [field | {"type": "string"} if field["name"] == PERIOD else field for field in SURVEY]
    refused = await refusal(mesh, "evolveSchema", dataset="survey", fields=text)
    assert refused["code"] == "PRECONDITION_FAILED"
    assert (
        f"column {PERIOD!r}: type replaced (int to string), not every old value has the new type" in refused["message"]
    )
    assert "rule of a contract no longer fits (contract 'survey': budget_2013$ > 0 when" in refused["message"]
    await do(mesh, "evolveSchema", dataset="survey", fields=[*wider, note])
    for number in range(100, 120):
        record = {KEY: number, BUDGET: number + 0.25, note["name"]: "hej"}
        await do(mesh, "createRecords", "ids", dataset="survey", contractId="survey", records=[record])
    taken = await refusal(mesh, "createRecords", dataset="survey", contractId="survey", records=[{KEY: 100}])
    assert (taken["code"], "RespondentID 100 exists in dataset 'survey'" in taken["message"]) == ("CONFLICT", True)
    asked: Json = {"filter": [{"field": BUDGET, "op": "LT", "value": 2000.5}], "order": [{"field": KEY}]}
    before = await read(mesh, "survey", **asked)
    assert (before[0], before[1][0][BUDGET], before[1][-1][BUDGET]) == (22, 1000, 119.25)
    status, said = await command(mesh.data_dir, "jobs", "compact")
    assert (status, "datasets to compact: 1" in said) == (0, True), said
    assert await read(mesh, "survey", **asked) == before
    status, said = await command(mesh.data_dir, "jobs", "expire", "--at", "2999-01-01T00:00:00Z")
    assert (status, "batches due: 22" in said) == (0, True), said
    assert await read(mesh, "survey") == (0, [])


def columns(types: dict[str, str]) -> list[Json]:
    """Fields by their names."""
    return [{"name": name, "type": kind} for name, kind in types.items()]


def as_parquet(rows: int) -> bytes:
    """As data frames write it: dictionaries, large strings, nanoseconds, another zone, single precision."""
    columns = {
        "código": pa.array(["a", "b", None][:rows]).dictionary_encode(),
        "text": pa.array(["x", "y", "z"][:rows], pa.large_string()),
        "when": pa.array([1_700_000_000_123_456_000, 1, None][:rows], pa.timestamp("ns")),
        "zoned": pa.array([0, 1, 2][:rows], pa.timestamp("ms", tz="Europe/Paris")),
        "f32": pa.array([1.5, float("nan"), 2.25][:rows], pa.float32()),
        "u64": pa.array([1, 2**63, 3][:rows], pa.uint64()),
        "dec": pa.array([Decimal("1.230")] * rows, pa.decimal128(9, 3)),
    }
    file = io.BytesIO()
    parquet.write_table(pa.table(columns), file)
    return file.getvalue()


GERMAN = "Straße;Betrag (€);Datum\nÖdweg 2;1234,50;2024-01-31\nÜber;1.234,50;\n\u2013;-0,01;2024-02-30\n"
GLOBAL = '名前,العمر,😀 メール\n山田太郎,٣٤,taro@example.jp\n"佐藤\u3000花子",34,\nعلي, 41 ,ali@example.sa\n'
NESTED = '{"id":1,"who":{"name":"Åsa","tags":["a"]},"at":"2024-05-01T12:00:00+02:00"}\n\n{"id":2,"extra":1}\n[1]\n'
TABLES: dict[str, tuple[list[Json], str | bytes, Json | None, list[Json], list[tuple[int, str]]]] = {
    "german": (
        columns({"Straße": "string", "Betrag (€)": "decimal(10,2)", "Datum": "date"}),
        GERMAN.encode("cp1252"),
        {"delimiter": ";", "encoding": "cp1252", "decimalSeparator": ",", "nullValues": ["\u2013"]},
        [{"Straße": "Ödweg 2", "Betrag (€)": 1234.5, "Datum": "2024-01-31"}],
        [
            (
                3,
                "Betrag (€): not a decimal(10,2), which is digits with an optional comma, within its precision and"
                " scale",
            ),
            (4, "Datum: not a date, which is YYYY-MM-DD"),
        ],
    ),
    "wide": (
        columns({"id": "int", "name": "string"}),
        'id,name\r\n1,"Zoë, ""Z""\r\nline two"\r\nx,bad\r\n'.encode("utf-16"),
        {"encoding": "utf-16"},
        [{"id": 1, "name": 'Zoë, "Z"\r\nline two'}],
        [(4, "id: not an int, which is digits with an optional sign, within 64 bits")],
    ),
    "global": (
        columns({"名前": "string", "العمر": "int", "😀 メール": "string"}),
        GLOBAL,
        None,
        [
            {"名前": "佐藤\u3000花子", "العمر": 34, "😀 メール": None},
            {"名前": "علي", "العمر": 41, "😀 メール": "ali@example.sa"},
        ],
        [(2, "العمر: not an int, which is digits with an optional sign, within 64 bits")],
    ),
    "nested": (
        columns({"id": "int", "who": "json", "at": "datetime"}),
        NESTED,
        None,
        [{"id": 1, "who": {"name": "Åsa", "tags": ["a"]}, "at": "2024-05-01T10:00:00.000000Z"}],
        [
            (3, "the record has 'extra', which the schema does not have"),
            (4, "not a JSON object: no '{' at character 1"),
        ],
    ),
    "frame": (
        columns({"código": "string", "text": "string", "when": "datetime", "zoned": "datetime"})
        + columns({"f32": "float", "u64": "int", "dec": "decimal(9,2)"}),
        as_parquet(3),
        None,
        [
            {"código": "a", "text": "x", "when": "2023-11-14T22:13:20.123456Z", "zoned": "1970-01-01T00:00:00.000000Z"}
            | {"f32": 1.5, "u64": 1, "dec": 1.23},
            {"código": None, "text": "z", "when": None, "zoned": "1970-01-01T00:00:00.002000Z"}
            | {"f32": 2.25, "u64": 3, "dec": 1.23},
        ],
        [
            (
                2,
                "when: the value is not a datetime of whole microseconds in the years 1 to 9999;"
                " f32: the value is not a finite number; u64: the value is not an int of 64 bits",
            )
        ],
    ),
}


@pytest.mark.parametrize("name", TABLES)
async def test_a_table_comes_in_as_its_producer_wrote_it(mesh: ServerProcess, name: str) -> None:
    fields, content, options, rows, rejects = TABLES[name]
    batch = await table(mesh, name, fields, content, csv=options)
    assert (batch["rowCount"], batch["rejectedRowCount"]) == (len(rows), len(rejects))
    assert [(reject["line"], reject["reason"]) for reject in batch["rejectedRows"]] == rejects
    assert await read(mesh, name) == (len(rows), rows)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            None,
            "line 1 is not UTF-8; write the file as CSV in UTF-8 and upload it again, or let the contract's csv name",
        ),
        ({"encoding": "cp1252", "delimiter": ","}, "line 1, cut at ',' as the contract's csv says, names none of the"),
        ({"encoding": "utf-16"}, "line 1 is not utf-16, in which the contract says that its CSV is written"),
    ],
)
async def test_options_that_do_not_fit_a_file_are_named(mesh: ServerProcess, options: Json | None, said: str) -> None:
    await do(mesh, "updateContract", contract="german", csv=options)
    file = await upload(mesh, GERMAN.encode("cp1252"))
    refused = await refusal(mesh, "appendData", dataset="german", contractId="german", fileUrl=file)
    assert (refused["code"], said in refused["message"]) == ("INVALID_DATA", True), refused["message"]

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from server.kernel.ids import Urn
from server.kernel.layer import Layer
from tests.mesh.at_work import AtWork, at_work

FIELDS: list[dict[str, Any]] = [
    {"name": "n", "type": "int", "nullable": False},
    {"name": "word", "type": "string"},
    {"name": "price", "type": "decimal(10,2)"},
    {"name": "mail", "type": "string", "pii": True},
]
KEYED: list[dict[str, Any]] = [
    {"name": "n", "type": "int", "primaryKey": True},
    {"name": "mail", "type": "string", "primaryKey": True, "pii": True},
]
SELECT = "ids batch { batchId rowCount status checksum } events { type position }"
GIVEN: dict[str, Any] = {"dataset": "d", "contractId": "d-c"}


@pytest.fixture
async def mesh(database_url: str, tmp_path: Path) -> AsyncIterator[AtWork]:
    async with at_work(database_url, tmp_path) as mesh:
        await mesh.dataset("d", FIELDS)
        yield mesh


async def refusal(mesh: AtWork, mutation: str = "createRecords", /, **given: Any) -> tuple[str, str, dict[str, Any]]:
    """The code, the message and the details of a refused creation; nothing was recorded and no file is left."""
    before, stored = await mesh.parts.mesh.events.head(), files(mesh)
    kind = f"{mutation[0].upper()}{mutation[1:]}Input"
    result = await mesh.schema.execute(
        f"mutation($input: {kind}!) {{ {mutation}(input: $input) {{ ids }} }}",
        variable_values={"input": GIVEN | given},
        context_value=mesh.context(mesh.admin),
    )
    assert result.errors is not None
    (error,) = result.errors
    assert await mesh.parts.mesh.events.head() == before
    assert files(mesh) == stored
    extensions = error.extensions or {}
    return extensions["code"], error.message, extensions.get("details", {})


def files(mesh: AtWork) -> set[str]:
    """All objects, and what is staged; not the file that says who is alive."""
    root = mesh.parts.storage.root
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.suffix != ".alive"}


def rows(mesh: AtWork, key: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as engine:
        path = str(mesh.parts.storage.read_path(key))
        return engine.execute("select * exclude (_created_at) from read_parquet($1) order by _id", [path]).fetchall()


async def test_creates_all_records_as_one_batch(mesh: AtWork) -> None:
    records = [{"n": 1, "price": "1.50"}, {"n": 2, "word": "zwei", "price": 2.5}, {"n": 3, "price": None}]
    payload = await mesh.do("createRecords", SELECT, records=records, batchId="b", **GIVEN)
    assert payload["ids"] == ["b-000000000000", "b-000000000001", "b-000000000002"]
    assert (payload["batch"]["batchId"], payload["batch"]["rowCount"]) == ("b", 3)
    assert payload["events"] == [{"type": "DataAppended", "position": 3}]
    assert rows(mesh, "d/bronze/b/1.parquet") == [
        ("b-000000000000", "b", 1, None, Decimal("1.50"), None),
        ("b-000000000001", "b", 2, "zwei", Decimal("2.50"), None),
        ("b-000000000002", "b", 3, None, None, None),
    ]
    raw = mesh.parts.storage.read_path(f"d/raw/b/{payload['batch']['checksum']}.ndjson").read_text()
    assert [json.loads(line) for line in raw.splitlines()] == [
        {"n": 1, "price": 1.5},
        {"n": 2, "word": "zwei", "price": 2.5},
        {"n": 3, "price": None},
    ]
    stored = await mesh.ask('{ events(first: 10, filter: {types: ["DataAppended"]}) { nodes { data } } }')
    (event,) = stored["events"]["nodes"]
    assert (event["data"]["file_url"], event["data"]["format"]) == (None, "NDJSON")
    assert (event["data"]["row_count"], event["data"]["rejected_row_count"]) == (3, 0)


async def test_creates_one_record_as_a_batch_of_its_own(mesh: AtWork) -> None:
    payload = await mesh.do("createRecord", SELECT, values={"n": 7}, **GIVEN)
    batch = payload["batch"]["batchId"]
    assert payload["ids"] == [f"{batch}-000000000000"]
    assert rows(mesh, f"d/bronze/{batch}/1.parquet") == [(f"{batch}-000000000000", batch, 7, None, None, None)]


async def test_the_same_key_answers_the_same_ids_and_records_nothing_again(mesh: AtWork) -> None:
    given = GIVEN | {"records": [{"n": 1}, {"n": 2}], "idempotencyKey": "k"}
    first = await mesh.do("createRecords", SELECT, **given)
    stored = files(mesh)
    assert await mesh.do("createRecords", SELECT, **given) == first
    assert files(mesh) == stored
    assert await refusal(mesh, records=[{"n": 2}], idempotencyKey="k") == (
        "CONFLICT",
        "idempotency key 'k' was used for another input; take a new key for a new command",
        {},
    )


async def test_one_key_many_times_at_once_creates_once(mesh: AtWork) -> None:
    given = GIVEN | {"records": [{"n": 1}], "idempotencyKey": "k", "batchId": "b"}
    payloads = await asyncio.gather(*(mesh.do("createRecords", SELECT, **given) for _ in range(6)))
    assert payloads == [payloads[0]] * 6
    assert (await mesh.ask("{ batches { totalCount } }")) == {"batches": {"totalCount": 1}}
    (source,) = await mesh.sources("d")
    assert source.rows == 1


async def test_names_each_record_and_column_that_does_not_fit_and_no_value(mesh: AtWork) -> None:
    records = [
        {"n": 1, "mail": "ada@example.com"},
        {"n": "secret-a"},
        {"n": 3, "colour": "secret-b"},
        {"mail": "secret-c@example.com"},
        {"n": 5, "price": "secret-d"},
        {"n": 6, "word": 7},
        {"n": 1.5},
    ]
    code, message, details = await refusal(mesh, records=records)
    assert code == "INVALID_DATA"
    assert message.startswith("6 of 7 records do not fit the schema (records[1]: n: not an int")
    assert details["rejected"] == 6
    assert [(fault["index"], fault["column"]) for fault in details["records"]] == [
        (1, "n"),
        (2, None),
        (3, "n"),
        (4, "price"),
        (5, "word"),
    ]
    assert "'colour'" in details["records"][1]["reason"]
    assert "secret" not in message + json.dumps(details)


async def test_bad_rows_are_refused_also_where_the_contract_sets_them_aside(mesh: AtWork) -> None:
    await mesh.do("updateContract", contract="d-c", onBadRows="SET_ASIDE")
    code, _, details = await refusal(mesh, records=[{"n": 1}, {}])
    assert (code, details["rejected"]) == ("INVALID_DATA", 1)


@pytest.mark.parametrize(
    ("given", "code", "saying"),
    [
        ({"records": []}, "BAD_USER_INPUT", "records is empty"),
        ({"records": [{"n": 1}] * 10_001}, "LIMIT_EXCEEDED", "one call takes up to 10000"),
        ({"records": [{"n": 1}, "x"]}, "BAD_USER_INPUT", "records[1] is a string"),
        ({"records": [{"n": 1}], "dataset": "nowhere"}, "NOT_FOUND", "dataset 'nowhere' is not known"),
        ({"records": [{"n": 1}], "contractId": "none"}, "NOT_FOUND", "contract 'none' is not known"),
        ({"records": [{"n": 1}], "contractId": "e-c"}, "PRECONDITION_FAILED", "is for dataset 'e', not 'd'"),
        ({"records": [{"n": 1}], "contractId": "old"}, "PRECONDITION_FAILED", "contract 'old' is retired"),
        ({"records": [{"n": 1}], "batchId": "taken"}, "ALREADY_EXISTS", "batch 'taken' exists"),
        ({"records": [{"n": 1}], "batchId": "a/b"}, "BAD_USER_INPUT", "batchId 'a/b' is not a name"),
    ],
)
async def test_refuses_as_append_does(mesh: AtWork, given: dict[str, Any], code: str, saying: str) -> None:
    await mesh.dataset("e", FIELDS)
    await mesh.do("createContract", dataset="d", contractId="old")
    await mesh.do("retireContract", contract="old", reason="gone")
    await mesh.append("d", "taken", "n,word,price,mail\n1,,,\n")
    told = await refusal(mesh, **given)
    assert told[0] == code
    assert saying in told[1]


async def test_refuses_numbers_that_json_cannot_carry_in_the_document_too(mesh: AtWork) -> None:
    for number in ("1e999", "123456789012345678901234567890"):
        text = f'{{ createRecord(input: {{dataset: "d", contractId: "d-c", values: {{n: {number}}}}}) {{ ids }} }}'
        code, message = await mesh.refused(f"mutation {text}")
        assert (code, message[:36]) == ("BAD_USER_INPUT", "values holds what JSON cannot carry:")


async def test_a_created_batch_lives_as_any(mesh: AtWork) -> None:
    await mesh.do(
        "createRecords", records=[{"n": n, "mail": f"u{n}@example.com"} for n in range(1, 6)], batchId="b", **GIVEN
    )
    check = await mesh.do("runQualityCheck", "batch { status }", batchId="b", rules=[{"column": "n", "check": "> 0"}])
    assert check["batch"]["status"] == "QUALITY_PASSED"
    await mesh.do("anonymizeData", batchId="b", rules=[{"column": "mail", "strategy": "REDACT"}])
    published = await mesh.do("publishData", "batch { status layers }", batchId="b")
    assert published["batch"] == {"status": "PUBLISHED", "layers": ["BRONZE", "SILVER", "GOLD"]}
    before = {layer: rows(mesh, next(iter(await keys(mesh, layer)))) for layer in Layer}
    replay = await mesh.do(
        "requestReplay", "events { type ... on ReplayCompleted { batches { outcome } } }", dataset="d"
    )
    assert replay["events"][-1] == {"type": "ReplayCompleted", "batches": [{"outcome": "REPLAYED"}]}
    after = {layer: await keys(mesh, layer) for layer in Layer}
    assert {layer: rows(mesh, next(iter(found))) for layer, found in after.items()} == before
    assert [len(found) for found in after.values()] == [1, 1, 1]


async def keys(mesh: AtWork, layer: Layer) -> set[str]:
    root = mesh.parts.storage.root
    return {str(source.path.relative_to(root)) for source in await mesh.sources("d", layer)}


async def test_a_key_twice_in_one_call_is_invalid_and_one_that_exists_a_conflict(mesh: AtWork) -> None:
    await mesh.dataset("k", KEYED)
    given = {"dataset": "k", "contractId": "k-c"}
    code, message, details = await refusal(
        mesh, records=[{"n": 1, "mail": "secret"}, {"n": 2, "mail": "secret"}, {"n": 1, "mail": "secret"}], **given
    )
    assert (code, [fault["index"] for fault in details["records"]]) == ("INVALID_DATA", [2])
    assert "secret" not in message
    await mesh.do(
        "createRecords", records=[{"n": 1, "mail": "secret"}, {"n": 2, "mail": "other"}], batchId="b", **given
    )
    code, message, details = await refusal(mesh, records=[{"n": 3, "mail": "x"}, {"n": 1, "mail": "secret"}], **given)
    assert (code, details) == ("CONFLICT", {"key": {"n": 1, "mail": "***"}, "indexes": [1]})
    assert message.startswith("records[1]: a record with the key n 1, mail *** exists in dataset 'k'")
    await mesh.do("quarantineBatch", batchId="b", reason="odd")
    await mesh.do("createRecords", records=[{"n": 1, "mail": "secret"}], **given)


async def test_of_many_calls_with_one_new_key_one_creates_it(mesh: AtWork) -> None:
    await mesh.dataset("k", KEYED)

    async def create() -> str:
        result = await mesh.schema.execute(
            'mutation { createRecord(input: {dataset: "k", contractId: "k-c", values: {n: 1, mail: "a"}}) { ids } }',
            context_value=mesh.context(mesh.admin),
        )
        return "created" if result.errors is None else (result.errors[0].extensions or {})["code"]

    assert sorted(await asyncio.gather(*(create() for _ in range(5)))) == ["CONFLICT"] * 4 + ["created"]
    assert [source.rows for source in await mesh.sources("k")] == [1]


async def test_of_two_with_one_batch_id_the_second_leaves_no_file(mesh: AtWork) -> None:
    async def create(n: int) -> bool:
        result = await mesh.schema.execute(
            'mutation { createRecords(input: {dataset: "d", contractId: "d-c", batchId: "b",'
            f" records: [{{n: {n}}}]}}) {{ ids }} }}",
            context_value=mesh.context(mesh.admin),
        )
        return result.errors is None

    assert sorted(await asyncio.gather(*map(create, range(4)))) == [False, False, False, True]
    assert len([name for name in files(mesh) if name.startswith("d/raw/")]) == 1
    assert len([name for name in files(mesh) if name.startswith("d/bronze/")]) == 1
    (source,) = await mesh.parts.sources.of(Urn("dataset:d"), Layer.BRONZE)
    assert source.rows == 1

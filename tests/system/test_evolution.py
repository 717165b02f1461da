"""A schema that changes under rows that stand: what their files hold decides, and a replay brings them to today."""

import io
from typing import Any

import pyarrow.parquet as parquet

from tests.system.serving import ServerProcess
from tests.system.story import FIELDS, MORE, PRIVACY, Json, append, do, get, head, published, refusal, register

ID, EMAIL, SPENT = FIELDS
TOWN = {"name": "town", "type": "string"}
BATCHES = "{ batches { nodes { batchId status schemaVersion rowCount contractVersion } } }"
DATASET = '{ dataset(name: "people") { schemaVersion containsPii schema { name } } }'


async def evolve(server: ServerProcess, *fields: Json, mode: str = "BACKWARD") -> Json:
    return await do(server, "evolveSchema", dataset="people", fields=list(fields), compatibility=mode)


async def gold(server: ServerProcess, batch: str) -> list[Json]:
    """The published rows, without what the server adds to them."""
    made = await do(server, "grantConsumption", "grant { url { url } }", batchId=batch, consumer="analytics")
    response = await get(made["grant"]["url"]["url"])
    assert response.status_code == 200
    table = parquet.read_table(io.BytesIO(response.content))
    found: list[Json] = table.drop_columns(["_id", "_batch_id", "_created_at"]).to_pylist()
    return found


async def replayed(server: ServerProcess) -> list[tuple[Any, ...]]:
    """The outcome for each batch, with the reason of one that kept its files."""
    select = "run { status } events { type data }"
    done = await do(server, "requestReplay", select, dataset="people", reason="another schema")
    assert done["run"] == {"status": "SUCCEEDED"}
    return [
        (one["batch"], one["outcome"], one["rows_after"], one["reason"])
        for one in done["events"][-1]["data"]["batches"]
    ]


async def test_a_replay_types_the_raw_rows_anew_under_the_schema_of_today(server: ServerProcess) -> None:
    await register(server)
    await published(server, "b1")
    await evolve(server, TOWN, SPENT | {"type": "decimal(12,3)"}, ID | {"type": "float"}, EMAIL)
    await published(server, "b2", "town,id,email,spent\nBonn,4.5,di@example.com,1.125\n")
    assert [row["id"] for row in await gold(server, "b1")] == [1, 2, 3]
    assert await replayed(server) == [("batch:b1", "replayed", 3, None), ("batch:b2", "replayed", 1, None)]
    rows = await gold(server, "b1")
    assert [(type(row["id"]), row["id"], row["town"], str(row["spent"])) for row in rows] == [
        (float, 1.0, None, "10.500"),
        (float, 2.0, None, "20.000"),
        (float, 3.0, None, "30.000"),
    ]
    assert list(rows[0]) == ["town", "spent", "id", "email"]
    nodes = (await server.ask(BATCHES))["batches"]["nodes"]
    assert [(one["batchId"], one["status"], one["schemaVersion"]) for one in nodes] == [
        ("b1", "PUBLISHED", 2),
        ("b2", "PUBLISHED", 2),
    ]


async def test_rows_that_do_not_fit_the_new_schema_keep_their_files_and_say_why(server: ServerProcess) -> None:
    await register(server)
    await published(server, "b1")
    await published(server, "b2", MORE)
    await evolve(server, ID, EMAIL, SPENT | {"type": "int"}, mode="NONE")
    [first, second] = await replayed(server)
    assert first[:3] == ("batch:b1", "kept", 3)
    assert "2 of 3 rows do not fit the schema (line 2: spent: not an int" in first[3]
    assert second == ("batch:b2", "replayed", 2, None)
    nodes = (await server.ask(BATCHES))["batches"]["nodes"]
    assert [(one["batchId"], one["status"], one["schemaVersion"], one["rowCount"]) for one in nodes] == [
        ("b1", "PUBLISHED", 1, 3),
        ("b2", "PUBLISHED", 2, 2),
    ]


async def test_a_rule_whose_column_was_dropped_bars_new_work_until_the_contract_is_changed(
    server: ServerProcess,
) -> None:
    await register(server)
    await append(server, "b1")
    refused = await refusal(server, "evolveSchema", dataset="people", fields=[ID, EMAIL])
    assert refused["code"] == "PRECONDITION_FAILED"
    assert "contract 'people-contract': spent > 0" in refused["message"]
    await evolve(server, ID, EMAIL, mode="NONE")
    position = await head(server)

    checked = await do(server, "runQualityCheck", "batch { status }", batchId="b1")
    assert checked["batch"] == {"status": "QUALITY_PASSED"}

    told = "contract 'people-contract' has rules that schema version 2 does not fit ('spent > 0': column 'spent' is not"
    upload = await do(server, "createUploadUrl", "fileUrl", filename="people.csv")
    refused = await refusal(
        server,
        "appendData",
        dataset="people",
        contractId="people-contract",
        batchId="b2",
        fileUrl=upload["fileUrl"],
    )
    assert refused["code"] == "PRECONDITION_FAILED"
    assert refused["message"].startswith(told)
    assert refused["message"].endswith("; change them with updateContract")
    assert await head(server) == position + 1

    [kept] = await replayed(server)
    assert kept[:3] == ("batch:b1", "kept", 3)
    assert kept[3].startswith(told)

    await do(server, "updateContract", contract="people-contract", qualityRules=[{"column": "id", "check": "unique"}])
    assert await replayed(server) == [("batch:b1", "replayed", 3, None)]
    assert (await server.ask(DATASET))["dataset"] == {
        "schemaVersion": 2,
        "containsPii": True,
        "schema": [{"name": "id"}, {"name": "email"}],
    }


async def test_a_rule_for_a_new_column_asks_for_a_replay_of_the_older_rows(server: ServerProcess) -> None:
    await register(server)
    await append(server, "b1")
    await evolve(server, ID, EMAIL, SPENT, TOWN)
    rules = [{"column": "town", "check": "length <= 20"}]
    hidden = [*PRIVACY, {"column": "town", "strategy": "REDACT"}]
    await do(server, "updateContract", contract="people-contract", qualityRules=rules, privacyRules=hidden)
    for name in ("runQualityCheck", "anonymizeData"):
        refused = await refusal(server, name, batchId="b1")
        assert refused["code"] == "PRECONDITION_FAILED"
        assert "has rules that schema version 1 does not fit ('town " in refused["message"]
        assert refused["message"].endswith("requestReplay of dataset 'people' gives the rows the schema of today")
    own = await do(
        server, "runQualityCheck", "batch { status }", batchId="b1", rules=[{"column": "id", "check": "> 0"}]
    )
    assert own["batch"] == {"status": "QUALITY_PASSED"}
    assert await replayed(server) == [("batch:b1", "replayed", 3, None)]
    for name in ("runQualityCheck", "anonymizeData", "publishData"):
        await do(server, name, batchId="b1")


async def test_rows_are_personal_by_the_schema_they_were_written_under_and_by_that_of_today(
    server: ServerProcess,
) -> None:
    await do(server, "registerDataset", name="people", fields=FIELDS)
    await do(server, "createContract", contractId="people-contract", dataset="people")
    await append(server, "b1")

    async def bare() -> Json:
        refused = await refusal(server, "publishData", batchId="b1")
        assert refused["code"] == "PRECONDITION_FAILED"
        return refused

    await evolve(server, ID, {"name": "mail", "type": "string"}, SPENT, mode="NONE")
    assert "holds the personal columns 'email' as they were" in (await bare())["message"]
    await evolve(server, ID, EMAIL | {"pii": False}, SPENT, mode="NONE")
    assert "holds the personal columns 'email' as they were" in (await bare())["message"]
    await evolve(server, ID, EMAIL, SPENT | {"pii": True}, TOWN | {"pii": True}, mode="NONE")
    assert "holds the personal columns 'email', 'spent' as they were" in (await bare())["message"]
    rules = [{"column": name, "strategy": "REDACT"} for name in ("email", "spent")]
    await do(server, "anonymizeData", batchId="b1", rules=rules)
    await do(server, "publishData", batchId="b1")
    assert await gold(server, "b1") == [{"id": number, "email": None, "spent": None} for number in (1, 2, 3)]


async def test_rows_of_every_version_are_read_under_the_schema_of_today(server: ServerProcess) -> None:
    await register(server)
    await append(server, "b1")
    await evolve(server, ID | {"type": "float"}, EMAIL, SPENT, TOWN)
    await append(server, "b2", "id,email,spent,town\n4.5,di@example.com,400,Bonn\n")
    await evolve(server, ID | {"type": "string"}, SPENT | {"type": "int"}, TOWN, mode="NONE")
    query = '{ dataset(name: "people") { records(fields: ["id", "spent", "town"]) { totalCount nodes } } }'
    found = (await server.ask(query))["dataset"]["records"]
    assert found["totalCount"] == 4
    assert [[row.get(name) for name in ("id", "spent", "town")] for row in found["nodes"]] == [
        ["1", None, None],
        ["2", 20, None],
        ["3", 30, None],
        ["4.5", 400, "Bonn"],
    ]

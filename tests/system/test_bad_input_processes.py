"""Rules, records and questions about rows that cannot be: refused with their code, nothing recorded, nothing lost."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from tests.system.serving import ServerProcess, serving
from tests.system.story import Json, document, head, published, refusal, register
from tests.system.story import do as told

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "zanzibar@example.com"  # what no refusal repeats
PEOPLE = {"dataset": "people", "contractId": "people-contract"}
KEYED = {"dataset": "keyed", "contractId": "keyed-contract"}
RECORDS = """query ($name: ID! = "people", $layer: Layer, $filter: [RecordFilter!], $where: RecordWhere,
  $orderBy: [RecordOrder!], $fields: [String!], $first: Int, $after: String) {
  dataset(name: $name) {
    records(layer: $layer, filter: $filter, where: $where, orderBy: $orderBy, fields: $fields, first: $first,
      after: $after) { nodes totalCount pageInfo { endCursor } }
  }
}"""
STREAM = '{ dataset(name: "people") { streamUrl { url } } }'
COUNTS = '{ people: dataset(name: "people") { recordCount } keyed: dataset(name: "keyed") { recordCount } }'
HELD = {"people": {"recordCount": 3}, "keyed": {"recordCount": 1}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServerProcess]:
    """One server for all: `people` with a published batch, `keyed` with one record, whose key is 1."""
    async with serving(tmp_path_factory.mktemp("bad") / "data") as server:
        await register(server)
        await published(server, "b1")
        key = {"name": "id", "type": "int", "primaryKey": True, "nullable": False}
        fields = [key, {"name": "email", "type": "string", "pii": True}]
        await told(server, "registerDataset", name="keyed", fields=fields)
        await told(server, "createContract", contractId="keyed-contract", dataset="keyed")
        await told(server, "createRecord", **KEYED, values={"id": 1, "email": SECRET})
        yield server
        assert await server.stop() == 0
        assert "Traceback" not in server.log()
        assert "zanzibar" not in server.log()


def compared(field: str, op: str, value: object) -> Json:
    return {"filter": [{"field": field, "op": op, "value": value}]}


ROWS_REFUSED: list[tuple[Json, str, str]] = [
    (
        compared("emial", "EQ", SECRET),
        "BAD_USER_INPUT",
        "filter[0].field: column 'emial' is not in the rows of this layer",
    ),
    (compared("id; drop table batch", "EQ", 1), "BAD_USER_INPUT", "filter[0].field: column 'id; drop table batch'"),
    (compared('id" is null or "id', "EQ", 1), "BAD_USER_INPUT", "filter[0].field: column 'id\" is null or \"id'"),
    (compared("id", "EQ", SECRET), "BAD_USER_INPUT", "filter[0].value: field 'id' (int) needs a whole number"),
    (compared("id", "LIKE", SECRET), "BAD_USER_INPUT", "filter[0]: LIKE needs a string field; 'id' is int"),
    (compared("id", "IS", SECRET), "BAD_USER_INPUT", "Variable '$filter' has invalid value at [0].op"),
    (compared("id", "EQ", 1) | {"first": "many"}, "BAD_USER_INPUT", "Variable '$first' has invalid value"),
    ({"filter": [{"field": "id", "op": "EQ", "value": 1}] * 10_000}, "LIMIT_EXCEEDED", "filter has 10000 conditions"),
    ({"filter": [{"field": "id", "op": "IN", "value": [1] * 1_000}] * 11}, "LIMIT_EXCEEDED", "the lists of filter and"),
    ({"where": {"and": [{"or": []}], "field": "id"}}, "BAD_USER_INPUT", "where must be either one comparison"),
    ({"fields": ["id", "spend"]}, "BAD_USER_INPUT", "fields[1]: column 'spend' is not in the rows of this layer"),
    ({"after": "x" * 300_000}, "BAD_USER_INPUT", "this cursor was not made by this server"),
    ({"name": "people", "layer": "PLATINUM"}, "BAD_USER_INPUT", "Variable '$layer' has invalid value"),
]


@pytest.mark.parametrize(("asked", "code", "message"), ROWS_REFUSED)
async def test_refuses_a_question_about_rows(mesh: ServerProcess, asked: Json, code: str, message: str) -> None:
    answer = await mesh.answer(RECORDS, **asked)
    (error,) = answer["errors"]
    assert (error["extensions"]["code"], error["message"][: len(message)]) == (code, message)
    assert "zanzibar" not in str(answer)


@pytest.mark.parametrize("pattern", ["%' or 1=1 --", "'; drop table batch; --", "%')) or true or (('%' = '", "$1", "?"])
async def test_a_pattern_is_never_part_of_the_statement(mesh: ServerProcess, pattern: str) -> None:
    for op in ("LIKE", "ILIKE"):
        found = (await mesh.ask(RECORDS, **compared("email", op, pattern)))["dataset"]["records"]
        assert (found["nodes"], found["totalCount"]) == ([], 0)
    assert await mesh.ask(COUNTS) == HELD


async def test_a_cursor_serves_its_own_listing_and_nothing_else(mesh: ServerProcess) -> None:
    page = (await mesh.ask(RECORDS, first=1, orderBy=[{"field": "email"}]))["dataset"]["records"]
    cursor = page["pageInfo"]["endCursor"]
    assert "ada" not in cursor
    strangers: list[Json] = [
        {"name": "keyed", "orderBy": [{"field": "email"}]},
        {"layer": "SILVER", "orderBy": [{"field": "email"}]},
        {"orderBy": [{"field": "email", "descending": True}]},
        {"orderBy": [{"field": "email"}], **compared("id", "GT", 0)},
        {},
    ]
    for asked in strangers:
        (error,) = (await mesh.answer(RECORDS, after=cursor, **asked))["errors"]
        assert error["extensions"]["code"] == "BAD_USER_INPUT", asked
        assert error["message"] == "this cursor belongs to another filter or order; start the listing anew", asked


async def test_a_cursor_opens_no_stream_and_an_address_no_page(mesh: ServerProcess) -> None:
    cursor = (await mesh.ask(RECORDS, first=1))["dataset"]["records"]["pageInfo"]["endCursor"]
    url: str = (await mesh.ask(STREAM))["dataset"]["streamUrl"]["url"]
    door, _, token = url.rpartition("/")
    async with httpx.AsyncClient() as anybody:
        for forged in (cursor, token[:-1], token[::-1], "%00", "a" * 9_000):
            response = await anybody.get(f"{door}/{forged}")
            assert (response.status_code, response.json()["error"]["code"]) == (403, "FORBIDDEN"), forged
    (error,) = (await mesh.answer(RECORDS, after=token))["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


def of_people(*records: object) -> Json:
    return {**PEOPLE, "records": list(records)}


GOOD = {"id": 7, "email": SECRET, "spent": 1}
CREATION_REFUSED: list[tuple[Json, str, str]] = [
    (of_people(), "BAD_USER_INPUT", "records is empty; give at least one"),
    (of_people(GOOD, [SECRET]), "BAD_USER_INPUT", "records[1] is a list, not a JSON object"),
    (of_people(GOOD, SECRET), "BAD_USER_INPUT", "records[1] is a string, not a JSON object"),
    (of_people(GOOD, None), "BAD_USER_INPUT", "Variable '$input' has invalid value at .records[1]"),
    (of_people(GOOD, {**GOOD, "emial": SECRET}), "INVALID_DATA", "1 of 2 records do not fit the schema (records[1]: "),
    (of_people(GOOD, {"email": SECRET}), "INVALID_DATA", "1 of 2 records do not fit the schema (records[1]: id: null"),
    (of_people({**GOOD, "id": SECRET}), "INVALID_DATA", "1 of 1 records do not fit the schema (records[0]: id: not"),
    (of_people({**GOOD, "spent": 0.001}), "INVALID_DATA", "1 of 1 records do not fit the schema (records[0]: spent"),
    (of_people(*[{"id": 1}] * 10_001), "LIMIT_EXCEEDED", "records holds 10001; one call takes up to 10000"),
    (of_people(GOOD) | {"batchId": "b1"}, "ALREADY_EXISTS", "batch 'b1' exists; choose another batchId"),
    (of_people(GOOD) | {"contractId": "keyed-contract"}, "PRECONDITION_FAILED", "contract 'keyed-contract' is"),
    (of_people(GOOD) | {"surplus": 1}, "BAD_USER_INPUT", "Variable '$input' has invalid value"),
    (KEYED | {"records": [{"id": 8}, {"id": 1}]}, "CONFLICT", "records[1]: a record with the key id 1 exists in"),
    (KEYED | {"records": [{"id": 8}, {"id": 8}]}, "INVALID_DATA", "1 of 2 records do not fit the schema (records[1]"),
]


@pytest.mark.parametrize(("given", "code", "message"), CREATION_REFUSED)
async def test_refuses_records_as_a_whole(mesh: ServerProcess, given: Json, code: str, message: str) -> None:
    position, files = await head(mesh), stored(mesh.data_dir)
    answer = await mesh.answer(document("createRecords", "__typename"), input=given)
    (error,) = answer["errors"]
    assert (error["extensions"]["code"], error["message"][: len(message)]) == (code, message)
    assert "zanzibar" not in str(answer)
    assert (await head(mesh), stored(mesh.data_dir)) == (position, files)
    assert await mesh.ask(COUNTS) == HELD


def stored(data_dir: Path) -> list[str]:
    """Every file of a batch."""
    layers = ("raw", "bronze", "silver", "gold")
    return sorted(str(path) for path in data_dir.rglob("*") if path.is_file() and set(layers) & set(path.parts))


async def test_an_input_that_does_not_fit_is_not_repeated(mesh: ServerProcess) -> None:
    written = f'{{dataset: "people", contractId: "people-contract", values: {{email: "{SECRET}"}}, surplus: 1}}'
    answer = await mesh.answer(f"mutation {{ createRecord(input: {written}) {{ __typename }} }}")
    (error,) = answer["errors"]
    assert error["message"].endswith("not to include unknown field 'surplus'."), error
    assert "zanzibar" not in str(answer)


def rules(count: int, check: str) -> Json:
    return {"qualityRules": [{"column": "id", "check": check}] * count}


LONG = f"in ({', '.join(['1'] * 3_000)})"
RULES_REFUSED: list[tuple[Json, str, str]] = [
    (rules(501, "> 0"), "LIMIT_EXCEEDED", "501 quality rules are given; 500 are allowed"),
    (rules(12, LONG), "LIMIT_EXCEEDED", "the checks of these quality rules have 108036 characters together"),
    (rules(1, "in dataset nowhere.id"), "NOT_FOUND", "check 'in dataset nowhere.id': dataset 'nowhere' is not known"),
    (rules(1, "in dataset keyed.none"), "BAD_USER_INPUT", "check 'in dataset keyed.none': in dataset 'keyed' column"),
    (rules(1, "in dataset keyed.email"), "BAD_USER_INPUT", "check 'in dataset keyed.email': column 'id' is int and"),
    (rules(1, "in dataset people.id"), "PRECONDITION_FAILED", "rules that look into other datasets would go round"),
]


@pytest.mark.parametrize(("given", "code", "message"), RULES_REFUSED)
async def test_refuses_rules_that_cannot_be_kept(mesh: ServerProcess, given: Json, code: str, message: str) -> None:
    position = await head(mesh)
    for name, terms in (("createContract", {"dataset": "people"}), ("updateContract", {"contract": "people-contract"})):
        refused = await refusal(mesh, name, **terms, **given)
        assert (refused["code"], refused["message"][: len(message)]) == (code, message)
    assert await head(mesh) == position

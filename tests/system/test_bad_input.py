"""Commands that cannot be: each is refused with its code and a message that names the value and the next step."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.system.serving import ServerProcess, serving
from tests.system.story import FIELDS, Json, append, head, published, refusal, register

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAME = "is not a name: 1 to 128 letters, digits, '.', '_' or '-', starting with a letter or a digit"
COLUMN = "is not a column name: 1 to 256 printable characters, no space at either end"
NEW = {"name": "new"}
TERMS = {"dataset": "people", "contractId": "new"}
NOWHERE = "landing/00000000-0000-4000-8000-000000000000/a.csv"
NO_UPLOAD = (
    "is not the address of an upload: call createUploadUrl, PUT the file to its uploadUrl and hand in its fileUrl"
)
APPEND = {"dataset": "people", "contractId": "people-contract", "fileUrl": NOWHERE}
TOO_LONG = "a" * 10_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServerProcess]:
    """One server for all commands, with a published batch `b1` and one that was only appended, `b2`."""
    async with serving(tmp_path_factory.mktemp("input") / "data") as server:
        await register(server)
        await published(server, "b1")
        await append(server, "b2")
        yield server
        assert await server.stop() == 0
        assert "Traceback" not in server.log()


def rule(check: str, column: str | None = "spent", **more: object) -> Json:
    """A contract with one quality rule."""
    return TERMS | {"qualityRules": [{"column": column, "check": check} | more]}


def hide(column: str, strategy: str, **more: object) -> Json:
    """A contract with one privacy rule."""
    return TERMS | {"privacyRules": [{"column": column, "strategy": strategy} | more]}


NAMES = ["", " a", "a b", "-a", ".", "..", "../x", "a/b", "é", "a\n", "a\u202e", "\U0001f600", "a" * 129, TOO_LONG]
SCHEMAS: list[tuple[Json, str]] = [
    ({"fields": []}, "a schema needs at least one field; list its columns under fields or schema"),
    ({}, "no schema is given; give exactly one of fields, schema and schemaText"),
    (
        {"fields": FIELDS, "schema": {"a": "int"}},
        "fields and schema are given; give exactly one of fields, schema and schemaText",
    ),
    (
        {"schema": ["a"]},
        'schema is not an object of columns and types; write it as {"id": "int", "name": "string"}',
    ),
    ({"schema": {"a": "int", "A": "int"}}, "field 'A' stands twice (as 'a'); name each column once"),
    (
        {"schema": {"a": "int", "b": "strin"}},
        "field 'b': type 'strin' is not known: use one of string, int, float, decimal, boolean, date, datetime, json,"
        " or decimal(p,s)",
    ),
    (
        {"schema": {"a": "decimal(39,2)"}},
        "field 'a': type 'decimal(39,2)' is out of bounds: decimal(p,s) takes p from 1 to 38 and s from 0 to p",
    ),
    ({"schema": {"_id": "int"}}, "field '_id' is a system column of every dataset; choose another name"),
    ({"schema": {"": "int"}}, f"field '' {COLUMN}"),
    ({"schema": {"a\u200b": "int"}}, f"field 'a\\u200b' {COLUMN}"),
    ({"schema": {TOO_LONG: "int"}}, f"field {'a' * 80!r} {COLUMN}"),
    (
        {"fields": FIELDS, "containsPii": False},
        "containsPii is false, but field 'email' is marked pii; say true or unmark it",
    ),
]
TERMS_REFUSED: list[tuple[Json, str, str]] = [
    (rule("> 'a'"), "check", "'a' does not fit column 'spent' (decimal(10,2)): write a bare number of at most"),
    (rule("> 1.5", "id"), "check", "1.5 does not fit column 'id' (int): write a bare whole number of at most 64 bits"),
    (rule("> 0", "spend"), "column", "column 'spend' is not in the schema; did you mean 'spent'?"),
    (rule(">> 0"), "check", "check '>> 0' cannot be read at position 2: '>' stands there, expected is a number"),
    (rule("> 0; drop"), "check", "check '> 0; drop' cannot be read at position 4: ';' stands there, expected is"),
    (rule(""), "check", "check '' cannot be read at position 1: the end stands there, expected is a comparison"),
    (rule("matches '('", "email"), "check", "pattern '(' is not RE2, which has no look-around: missing )"),
    (rule("> 0", None), "column", "check '> 0' is about a column; name it"),
    (rule("row_count > 0"), "column", "row_count is about the whole batch; leave its column out instead of 'spent'"),
    (rule("between 5 and 1"), "check", "between 5 and 1 holds no value; write the smaller end first"),
    (rule("> 0", threshold=2), "threshold", "threshold 2.0 is no fraction of the rows; give one from 0 to 1"),
    (rule("x" * 10_001), "check", "a check has at most 10000 characters; this one has 10001"),
    (hide("nobody", "MASK"), "column", "column 'nobody' is not in the schema; name one of 'id', 'email', 'spent'"),
    (hide("email", "MASK", params={"keep": 1}), "params", "MASK of column 'email' takes only keepLast; leave out"),
    (hide("email", "MASK", params={"keepLast": -1}), "params", "keepLast of column 'email' must be a whole number"),
    (hide("email", "MASK", params=[1]), "params", "params of column 'email' are not an object such as {}"),
    (TERMS | {"retentionDays": 0}, "retentionDays", "retentionDays 0 is out of bounds: 1 to 36500, or null to keep"),
    (TERMS | {"freshnessMinutes": 0}, "freshnessMinutes", "freshnessMinutes 0 is out of bounds: at least 1, or null"),
]
OTHERS: list[tuple[str, Json, str, str]] = [
    ("registerDataset", {"name": "people", "schema": {"a": "int"}}, "ALREADY_EXISTS", "dataset 'people' exists;"),
    ("registerDataset", {"name": "PEOPLE", "schema": {"a": "int"}}, "ALREADY_EXISTS", "'dataset:PEOPLE' differs from"),
    ("createContract", {"dataset": "none"}, "NOT_FOUND", "dataset 'none' is not known; register it with"),
    ("createContract", {"dataset": "batch:b1"}, "BAD_USER_INPUT", f"dataset 'batch:b1' {NAME}"),
    (
        "createContract",
        TERMS | {"contractId": "people-contract"},
        "ALREADY_EXISTS",
        "contract 'people-contract' exists",
    ),
    ("updateContract", {"contract": "none"}, "NOT_FOUND", "contract 'none' is not known; create it first"),
    (
        "updateContract",
        {"contract": "people-contract", "retentionDays": 1, "expectedVersion": 9},
        "CONFLICT",
        "'contract:people-contract' stands at revision 1, not 9; read it again and decide anew",
    ),
    ("retireContract", {"contract": "none", "reason": "x"}, "NOT_FOUND", "contract 'none' is not known"),
    ("createUploadUrl", {"filename": " "}, "BAD_USER_INPUT", "filename is empty; say what the file is called"),
    ("createUploadUrl", {"filename": "a", "expiresInSeconds": 3601}, "BAD_USER_INPUT", "expiresInSeconds 3601 is out"),
    ("appendData", APPEND, "NOT_FOUND", f"nothing was uploaded to '{NOWHERE}' yet; PUT the file first"),
    ("appendData", APPEND | {"dataset": "none"}, "NOT_FOUND", "dataset 'none' is not known"),
    ("appendData", APPEND | {"contractId": "none"}, "NOT_FOUND", "contract 'none' is not known; create it with"),
    ("appendData", APPEND | {"batchId": "b1"}, "ALREADY_EXISTS", "batch 'b1' exists; choose another batchId"),
    ("appendData", APPEND | {"batchId": "../b"}, "BAD_USER_INPUT", f"batchId '../b' {NAME}"),
    (
        "appendData",
        APPEND | {"fileUrl": "file:///etc/passwd"},
        "BAD_USER_INPUT",
        f"fileUrl 'file:///etc/passwd' {NO_UPLOAD}",
    ),
    ("appendData", APPEND | {"fileUrl": "landing/../x"}, "BAD_USER_INPUT", f"fileUrl 'landing/../x' {NO_UPLOAD}"),
    ("appendData", APPEND | {"waitSeconds": 61}, "BAD_USER_INPUT", "waitSeconds 61 is out of bounds: 0 to 60;"),
    ("appendData", APPEND | {"waitSeconds": -0.5}, "BAD_USER_INPUT", "waitSeconds -0.5 is out of bounds: 0 to 60;"),
    ("runQualityCheck", {"batchId": "none"}, "NOT_FOUND", "batch 'none' is not known; append it first"),
    (
        "runQualityCheck",
        {"batchId": "b2", "rules": [{"column": "nobody", "check": "unique"}]},
        "BAD_USER_INPUT",
        "column 'nobody' is not in the schema; name one of 'id', 'email', 'spent'",
    ),
    (
        "anonymizeData",
        {"batchId": "b1"},
        "PRECONDITION_FAILED",
        "batch 'b1' is published and cannot be anonymised any more; append a new one",
    ),
    ("publishData", {"batchId": "b1"}, "PRECONDITION_FAILED", "batch 'b1' is published already"),
    (
        "publishData",
        {"batchId": "b2"},
        "PRECONDITION_FAILED",
        "batch 'b2' is APPENDED; its contract has quality rules, so runQualityCheck must pass first",
    ),
    ("quarantineBatch", {"batchId": "none", "reason": "x"}, "NOT_FOUND", "batch 'none' is not known"),
    ("releaseBatch", {"batchId": "b1", "reason": "x"}, "PRECONDITION_FAILED", "batch 'b1' is not quarantined; there"),
    (
        "grantConsumption",
        {"batchId": "b2", "consumer": "x"},
        "PRECONDITION_FAILED",
        "batch 'b2' is APPENDED, not PUBLISHED; publishData comes first",
    ),
    ("grantConsumption", {"batchId": "b1", "consumer": " "}, "BAD_USER_INPUT", "consumer is empty; name who may read"),
    (
        "grantConsumption",
        {"batchId": "b1", "consumer": "x", "expiresInSeconds": 0},
        "BAD_USER_INPUT",
        "expiresInSeconds 0 is out of bounds: 1 to 31622400",
    ),
    ("revokeConsumption", {"grant": "none"}, "NOT_FOUND", "grant 'none' is not known"),
    ("requestReplay", {"dataset": "none"}, "NOT_FOUND", "dataset 'none' is not known; register it with"),
]


@pytest.mark.parametrize("name", NAMES)
async def test_refuses_what_is_no_name(mesh: ServerProcess, name: str) -> None:
    position = await head(mesh)
    message = f"name {name[:140]!r} {NAME}"
    refused = await refusal(mesh, "registerDataset", name=name, schema={"id": "int"})
    assert refused == {"code": "BAD_USER_INPUT", "message": message, "field": "name"}
    assert await head(mesh) == position


@pytest.mark.parametrize(("given", "message"), SCHEMAS)
async def test_refuses_what_is_no_schema(mesh: ServerProcess, given: Json, message: str) -> None:
    position = await head(mesh)
    refused = await refusal(mesh, "registerDataset", **NEW, **given)
    assert (refused["code"], refused["message"]) == ("BAD_USER_INPUT", message)
    assert await head(mesh) == position
    assert await mesh.ask('{ dataset(name: "new") { id } }') == {"dataset": None}


@pytest.mark.parametrize(("given", "field", "message"), TERMS_REFUSED)
async def test_refuses_terms_that_cannot_be_kept(mesh: ServerProcess, given: Json, field: str, message: str) -> None:
    position = await head(mesh)
    refused = await refusal(mesh, "createContract", **given)
    assert (refused["code"], refused["field"]) == ("BAD_USER_INPUT", field)
    assert refused["message"].startswith(message)
    changes = {name: value for name, value in given.items() if name not in TERMS}
    assert await refusal(mesh, "updateContract", contract="people-contract", **changes) == refused
    assert await head(mesh) == position


@pytest.mark.parametrize(("name", "given", "code", "message"), OTHERS)
async def test_refuses_a_command_that_cannot_be(
    mesh: ServerProcess, name: str, given: Json, code: str, message: str
) -> None:
    position = await head(mesh)
    refused = await refusal(mesh, name, **given)
    assert refused["code"] == code
    assert refused["message"].startswith(message)
    assert await head(mesh) == position

"""Privacy through the graph: strategies, previews, suggestions, and a key that is rotated under a running server."""

import asyncio
import re
import sys
from decimal import Decimal
from pathlib import Path

from server.adapters.engine.privacy.keys import MESH
from server.adapters.key_ring import KeyRing
from tests.system.serving import ServerProcess, environment
from tests.system.story import Json, do, refusal, rows, upload

FIELDS: list[Json] = [
    {"name": "id", "type": "int", "nullable": False, "primaryKey": True},
    {"name": "email", "type": "string", "pii": True},
    {"name": "born", "type": "date", "pii": True},
    {"name": "zip", "type": "string", "pii": True},
    {"name": "income", "type": "decimal(10,2)", "pii": True},
    {"name": "age", "type": "int"},
]
RULES: list[Json] = [
    {"column": "email", "strategy": "PSEUDONYMIZE"},
    {"column": "born", "strategy": "GENERALIZE", "params": {"to": "quarter"}},
    {"column": "zip", "strategy": "GENERALIZE", "params": {"prefix": 2}},
    {"column": "income", "strategy": "NOISE", "params": {"scale": 0.05, "relative": True}},
    {"column": "age", "strategy": "GENERALIZE", "params": {"bands": [0, 18, 30]}},
]
CSV = (
    "id,email,born,zip,income,age\n"
    "1,ada@example.com,2000-02-29,10115,3200.50,24\n"
    "2,bo@example.org,2000-03-31,10117,2800.00,29\n"
    "3,ada@example.com,1961-12-31,20095,,63\n"
)
PREVIEW = """query ($id: ID!, $rules: [PrivacyRuleInput!], $rows: Int) {
  previewAnonymization(batchId: $id, rules: $rules, sampleRows: $rows) {
    rows changedRows columns warnings before after quasiIdentifiers kAnonymity
  } }"""
SUGGEST = "query ($id: ID!) { suggestPrivacyRules(batchId: $id) { column kind matchedFraction strategy } }"
TOKEN = re.compile(r"p1:[\w-]{43}")


async def people(server: ServerProcess, content: str = CSV, **contract: object) -> None:
    """The dataset, its contract, and the batch b1."""
    await do(server, "registerDataset", name="people", fields=FIELDS)
    await do(server, "createContract", contractId="c", dataset="people", privacyRules=RULES, **contract)
    file = await upload(server, content)
    await do(server, "appendData", dataset="people", contractId="c", batchId="b1", fileUrl=file)


async def gold(server: ServerProcess, batch: str = "b1") -> list[Json]:
    """The published rows of a batch."""
    granted = await do(server, "grantConsumption", "grant { url { url } }", batchId=batch, consumer="analytics")
    return await rows(granted["grant"]["url"]["url"])


async def test_rows_are_published_as_the_rules_say(server: ServerProcess) -> None:
    await people(server)
    done = await do(server, "anonymizeData", "batch { privacyReports { rows changedRows kAnonymity } }", batchId="b1")
    assert done["batch"]["privacyReports"] == [{"rows": 3, "changedRows": 3, "kAnonymity": 1}]
    await do(server, "publishData", batchId="b1")
    found = await gold(server)
    tokens = [row.pop("email") for row in found]
    incomes = [row.pop("income") for row in found]
    coarse = [(row["id"], f"{row['born']}", row["zip"], row["age"]) for row in found]
    assert coarse == [
        (1, "2000-01-01", "10", "18-29"),
        (2, "2000-01-01", "10", "18-29"),
        (3, "1961-10-01", "20", "30+"),
    ]
    assert tokens[0] == tokens[2] != tokens[1]
    assert all(TOKEN.fullmatch(token) for token in tokens)
    assert incomes[2] is None
    assert all(
        noisy != exact and noisy == round(noisy, 2)
        for noisy, exact in zip(incomes[:2], (Decimal("3200.50"), Decimal(2800)), strict=True)
    )


async def test_a_preview_tells_all_and_leaves_nothing(server: ServerProcess, data_dir: Path) -> None:
    await people(server)
    head = (await server.ask("{ serverInfo { position } }"))["serverInfo"]["position"]
    files = sorted(path for path in (data_dir / "lake").rglob("*") if path.is_file())
    found = (await server.ask(PREVIEW, id="b1"))["previewAnonymization"]
    assert {name: found[name] for name in ("rows", "changedRows", "kAnonymity")} == {
        "rows": 3,
        "changedRows": 3,
        "kAnonymity": 1,
    }
    assert found["columns"] == ["email", "born", "zip", "income", "age"]
    assert found["quasiIdentifiers"] == ["born", "zip", "age"]
    assert found["before"][0] == {
        "_id": "b1-000000000000",
        "id": 1,
        "email": "ada@example.com",
        "born": "2000-02-29",
        "zip": "10115",
        "income": "3200.50",
        "age": 24,
    }
    assert [row["_id"] for row in found["after"]] == [row["_id"] for row in found["before"]]
    assert [row["age"] for row in found["after"]] == ["18-29", "18-29", "30+"]
    assert found["warnings"] == [
        "PSEUDONYMIZE makes only 2 different tokens of the 3 values of column 'email': who knows how often each value"
        " occurs can tell which is which",
        "one row stands alone with the same 'born', 'zip', 'age': groups should have at least 5 rows; make these"
        " columns coarser, or REDACT them",
    ]
    other: list[Json] = [{"column": "zip", "strategy": "GENERALIZE", "params": {"prefix": 5}}]
    kept = (await server.ask(PREVIEW, id="b1", rules=other, rows=1))["previewAnonymization"]
    assert (kept["changedRows"], len(kept["before"]), kept["before"]) == (0, 1, kept["after"])
    assert kept["warnings"][-2].startswith("GENERALIZE changes none of the 3 values of column 'zip'")
    assert (await server.ask("{ serverInfo { position } }"))["serverInfo"]["position"] == head
    assert sorted(path for path in (data_dir / "lake").rglob("*") if path.is_file()) == files


async def test_previews_that_make_no_sense_are_refused(server: ServerProcess) -> None:
    await do(server, "registerDataset", name="people", fields=FIELDS)
    await do(server, "createContract", contractId="c", dataset="people")
    file = await upload(server, CSV)
    await do(server, "appendData", dataset="people", contractId="c", batchId="b1", fileUrl=file)

    async def code(**variables: object) -> str:
        (error,) = (await server.answer(PREVIEW, **{"id": "b1", **variables}))["errors"]
        return f"{error['extensions']['code']}: {error['message']}"

    assert await code() == (
        "PRECONDITION_FAILED: batch 'b1' has no privacy rules to preview: give rules, or add some to its contract"
    )
    assert (await code(id="b2")).startswith("NOT_FOUND: batch 'b2' is not known")
    assert await code(rules=RULES, rows=-1) == "BAD_USER_INPUT: sampleRows is -1; ask for 0 to 100"
    assert await code(rules=RULES, rows=101) == "LIMIT_EXCEEDED: sampleRows is 101; at most 100 are shown"
    nowhere = [{"column": "mail", "strategy": "MASK"}]
    assert await code(rules=nowhere) == "BAD_USER_INPUT: column 'mail' is not in the schema; did you mean 'email'?"
    bare = [{"column": "born", "strategy": "GENERALIZE"}]
    assert await code(rules=bare) == ("BAD_USER_INPUT: GENERALIZE of column 'born', which is date, takes 'to'")
    noisy = {"column": "email", "strategy": "NOISE", "params": {"scale": 1}}
    refused = await refusal(server, "updateContract", contract="c", privacyRules=[noisy])
    assert refused == {
        "code": "BAD_USER_INPUT",
        "message": "NOISE is for numbers, and column 'email' is string; choose MASK, HASH or GENERALIZE",
        "field": "params",
    }
    await do(server, "quarantineBatch", batchId="b1", reason="doubt")
    assert (await code(rules=RULES)).startswith("PRECONDITION_FAILED: batch 'b1' is quarantined (doubt)")


async def test_columns_that_look_personal_are_suggested(server: ServerProcess) -> None:
    await people(server)
    assert (await server.ask(SUGGEST, id="b1"))["suggestPrivacyRules"] == [
        {"column": "email", "kind": "EMAIL", "matchedFraction": 1.0, "strategy": "HASH"},
        {"column": "born", "kind": "DATE_OF_BIRTH", "matchedFraction": 1.0, "strategy": "GENERALIZE"},
        {"column": "zip", "kind": "ADDRESS", "matchedFraction": 1.0, "strategy": "GENERALIZE"},
    ]


async def test_a_rotated_key_is_used_at_once_and_old_values_stay_readable(
    server: ServerProcess, data_dir: Path
) -> None:
    await people(server)
    await do(server, "anonymizeData", batchId="b1")
    await do(server, "publishData", batchId="b1")
    old = [row["email"] for row in await gold(server)]
    rotation = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "server", "key", "rotate-privacy", env=environment({"DATA_DIR": str(data_dir)}), stdout=-1
    )
    said, _ = await rotation.communicate()
    assert (rotation.returncode, said.decode()) == (
        0,
        "new tokens and pseudonyms are of version 2 (h2:, p2:); a replay renews the old ones\n",
    )
    ring = KeyRing(data_dir / "keys" / "privacy.key")
    assert [row["email"] for row in await gold(server)] == old  # no file has changed
    await do(server, "requestReplay", dataset="people")
    new = [row["email"] for row in await gold(server)]
    assert [token[:3] for token in old + new] == ["p1:"] * 3 + ["p2:"] * 3
    assert new[0] == new[2] != new[1]
    assert [ring.reveal(MESH, token) for token in old] == [ring.reveal(MESH, token) for token in new]
    assert ring.reveal(MESH, new[0]) == "ada@example.com"

"""The ways in: CSV as its producer writes it, NDJSON, Parquet; rows with a primary key come in once."""

import asyncio
import io
import json
from collections.abc import AsyncIterator

import pyarrow
import pyarrow.parquet as parquet
import pytest
import pytest_asyncio

from tests.system.serving import ServerProcess, serving
from tests.system.story import Json, do, head, refusal, upload

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMES = ["the key", "Prix (€)", "数量"]
FIELDS = [
    {"name": "the key", "type": "string", "primaryKey": True},
    {"name": "Prix (€)", "type": "decimal(9,2)"},
    {"name": "数量", "type": "int"},
]
FRENCH = {"delimiter": ";", "nullValues": ["NA", "NA", ""], "encoding": "UTF16", "decimalSeparator": ","}
PLAIN = {"delimiter": None, "nullValues": [], "encoding": "utf-8", "decimalSeparator": "."}
CSV = "contract { version csv { delimiter nullValues encoding decimalSeparator } }"
BATCH = "batch { rowCount rejectedRowCount rejectedRows { line column reason } } events { data }"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServerProcess]:
    """One server for all ways."""
    async with serving(tmp_path_factory.mktemp("ways") / "data") as server:
        yield server
        assert await server.stop() == 0
        assert "Traceback" not in server.log()


async def contract(mesh: ServerProcess, name: str, **terms: object) -> Json:
    """A dataset of its own with a contract."""
    await do(mesh, "registerDataset", name=name, fields=FIELDS)
    return await do(mesh, "createContract", CSV, contractId=name, dataset=name, **terms)


async def append(mesh: ServerProcess, name: str, batch: str, content: str | bytes) -> Json:
    file = await upload(mesh, content)
    return await do(mesh, "appendData", BATCH, dataset=name, contractId=name, batchId=batch, fileUrl=file)


async def test_a_contract_says_how_csv_is_written_and_says_it_anew(mesh: ServerProcess) -> None:
    made = await contract(mesh, "terms", csv=FRENCH)
    french = {"delimiter": ";", "nullValues": ["NA"], "encoding": "utf-16", "decimalSeparator": ","}
    assert made["contract"] == {"version": 1, "csv": french}
    kept = await do(mesh, "updateContract", CSV, contract="terms", description="the same")
    assert kept["contract"] == {"version": 2, "csv": french}
    changed = await do(mesh, "updateContract", CSV, contract="terms", csv={"delimiter": "\t"})
    assert changed["contract"] == {"version": 3, "csv": PLAIN | {"delimiter": "\t"}}
    removed = await do(mesh, "updateContract", CSV, contract="terms", csv=None)
    assert removed["contract"] == {"version": 4, "csv": PLAIN}
    events = await mesh.ask('{ contract(id: "terms") { events { nodes { data } } } }')
    assert events["contract"]["events"]["nodes"][0]["data"]["csv"] == {
        "delimiter": ";",
        "null_values": ["NA"],
        "encoding": "utf-16",
        "decimal_separator": ",",
    }


async def test_options_by_which_no_file_can_be_read_are_refused_and_nothing_is_recorded(mesh: ServerProcess) -> None:
    await do(mesh, "registerDataset", name="refused", fields=FIELDS)
    position = await head(mesh)
    for options, field in (
        ({"delimiter": ";;"}, "csv.delimiter"),
        ({"delimiter": ",", "decimalSeparator": ","}, "csv.delimiter"),
        ({"encoding": "klingon"}, "csv.encoding"),
        ({"decimalSeparator": "·"}, "csv.decimalSeparator"),
        ({"nullValues": ["x" * 101]}, "csv.nullValues"),
    ):
        refused = await refusal(mesh, "createContract", contractId="refused", dataset="refused", csv=options)
        assert (refused["code"], refused["field"]) == ("BAD_USER_INPUT", field)
    assert await head(mesh) == position


async def test_one_table_comes_in_by_three_formats_and_is_replayed_from_each(mesh: ServerProcess) -> None:
    await contract(mesh, "ways", csv=FRENCH, onBadRows="SET_ASIDE")
    csv = "the key;Prix (€);数量\na;1,50;NA\nb;x;2\n".encode("utf-16")
    lines = [{"the key": "c", "Prix (€)": 2.25, "数量": 3}, {"the key": "d", "数量": "4"}]
    ndjson = "\n".join(map(json.dumps, lines))
    table = io.BytesIO()
    parquet.write_table(pyarrow.table({"数量": [5, 6], "the key": ["e", None]}), table)
    for batch, content, wanted in (
        ("b1", csv, (3, "Prix (€)", "CSV")),
        ("b2", ndjson, (2, "数量", "NDJSON")),
        ("b3", table.getvalue(), (2, "the key", "PARQUET")),
    ):
        made = await append(mesh, "ways", batch, content)
        (reject,) = made["batch"]["rejectedRows"]
        assert (reject["line"], reject["column"], made["events"][0]["data"]["format"]) == wanted
        assert (made["batch"]["rowCount"], made["batch"]["rejectedRowCount"]) == (1, 1)
    replayed = await do(mesh, "requestReplay", "events { type data }", dataset="ways", reason="again")
    assert [one["outcome"] for one in replayed["events"][-1]["data"]["batches"]] == ["replayed"] * 3


async def test_a_key_comes_in_once_whatever_the_format_and_however_many_bring_it(mesh: ServerProcess) -> None:
    await contract(mesh, "keys", onBadRows="SET_ASIDE")
    first = await append(mesh, "keys", "k1", "the key,数量\na,1\nb,2\na,3\n")
    above = "the key: the primary key stands in an earlier record"
    assert first["batch"] == {
        "rowCount": 2,
        "rejectedRowCount": 1,
        "rejectedRows": [{"line": 4, "column": "the key", "reason": above}],
    }
    second = await append(mesh, "keys", "k2", '{"the key": "c"}\n{"the key": "a"}\n')
    known = "the key: the primary key stands in the dataset already"
    assert second["batch"]["rejectedRows"] == [{"line": 2, "column": "the key", "reason": known}]
    both = await asyncio.gather(*(append(mesh, "keys", f"k{n}", "the key\nx\ny\n") for n in (3, 4, 5)))
    assert sorted(one["batch"]["rowCount"] for one in both) == [0, 0, 2]
    await do(mesh, "quarantineBatch", batchId="k1", reason="set apart")
    again = await append(mesh, "keys", "k6", "the key\na\nc\n")
    assert [one["line"] for one in again["batch"]["rejectedRows"]] == [3]


async def test_a_known_key_refuses_a_file_that_must_fit_whole(mesh: ServerProcess) -> None:
    await contract(mesh, "strict")
    await append(mesh, "strict", "s1", "the key\nsecret\n")
    file = await upload(mesh, "the key\nsecret\nb\n")
    position = await head(mesh)
    refused = await refusal(mesh, "appendData", dataset="strict", contractId="strict", batchId="s2", fileUrl=file)
    assert refused["code"] == "INVALID_DATA"
    assert "line 2: the key: the primary key stands in the dataset already" in refused["message"]
    assert "secret" not in refused["message"]
    assert await head(mesh) == position

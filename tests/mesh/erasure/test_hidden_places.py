"""Places in which nobody looks for a subject at first: encodings, footers, statistics, files of batches let go."""

import io
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from server.adapters.storage import layout
from server.mesh.erasure import texts
from tests.mesh.at_work import AtWork, at_work
from tests.mesh.erasure.subject_world import CLEAN, CSV, FIELDS, PRIVACY, SUBJECT, lake_with, processed, requested


@pytest.fixture
async def mesh(database_url: str, tmp_path: Path) -> AsyncIterator[AtWork]:
    async with at_work(database_url, tmp_path) as mesh:
        mesh.purpose = "test"
        yield mesh


def committed(mesh: AtWork, key: str, content: bytes) -> str:
    staged = mesh.parts.storage.staging()
    staged.write_bytes(content)
    mesh.parts.storage.commit(staged, key)
    return key


def landed(mesh: AtWork, content: bytes) -> str:
    return committed(mesh, layout.landing(uuid.uuid4(), "rows"), content)


def objects(mesh: AtWork) -> dict[str, bytes]:
    root = mesh.parts.storage.root
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


async def test_raw_is_read_by_the_terms_that_it_came_under(mesh: AtWork) -> None:
    await mesh.dataset("old", FIELDS, privacyRules=PRIVACY, csv={"encoding": "utf-16"}, onBadRows="SET_ASIDE")
    key = landed(mesh, CSV.encode("utf-16"))
    await mesh.do("appendData", dataset="old", contractId="old-c", batchId="o1", fileUrl=key)
    await mesh.do("updateContract", contract="old-c", csv={"encoding": "utf-8"})
    await lake_with(mesh)
    await mesh.do("ingestDataset", lake="eu", dataset="old", dataSource="files", recordCount=3, containsPii=True)
    done = await processed(mesh, await requested(mesh))
    assert done["deletion"]["erased"] == [{"batch": {"batchId": "o1"}, "layer": "BRONZE", "rows": 2}]
    wide = SUBJECT.encode("utf-16-le")
    assert [key for key, content in objects(mesh).items() if wide in content] == []


async def test_uploads_are_looked_at_in_every_encoding_that_a_contract_names(mesh: AtWork) -> None:
    await lake_with(mesh)
    await mesh.do("createContract", dataset="people", contractId="mainframe", csv={"encoding": "cp037"})
    await mesh.do("createContract", dataset="people", contractId="wide", csv={"encoding": "utf-32"})
    held = [landed(mesh, CSV.encode(encoding)) for encoding in ("cp037", "utf-32-be", "utf-32-le")]
    clean = landed(mesh, CLEAN.encode("cp037"))
    done = await processed(mesh, await requested(mesh))
    assert done["deletion"]["objectsDeleted"] == 3
    assert [key for key in (*held, clean) if mesh.parts.storage.exists(key)] == [clean]


async def test_the_footer_of_a_parquet_file_goes_though_no_row_does(mesh: AtWork) -> None:
    await lake_with(mesh)
    table = pa.table({"person": ["ann"], "note": ["x"], "amount": [1]})
    file = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({"author": f"made for {SUBJECT}"}), file)
    key = landed(mesh, file.getvalue())
    given = {"dataset": "people", "contractId": "people-c"}
    await mesh.do("appendData", batchId="p1", fileUrl=key, **given)
    waiting = landed(mesh, file.getvalue())
    done = await processed(mesh, await requested(mesh))
    assert done["deletion"]["erased"] == []
    assert mesh.parts.storage.exists(waiting) is False
    assert [key for key, content in objects(mesh).items() if SUBJECT.encode() in content] == []
    await mesh.do("requestReplay", dataset="people", reason="anew", waitSeconds=30)
    batch = await mesh.ask('{ batch(id: "p1") { rowCount rejectedRowCount } }')
    assert batch["batch"] == {"rowCount": 1, "rejectedRowCount": 0}


async def test_the_planner_of_postgres_forgets_the_texts_of_runs(mesh: AtWork) -> None:
    await lake_with(mesh)
    for number in range(5):
        key = f"{number} for {SUBJECT}"
        await mesh.do("createDomain", idempotencyKey=key, name=f"d{number}", owner="ann", description="x")
        given = {"dataset": "people", "contractId": "people-c", "batchId": f"{SUBJECT}-{number}"}
        await mesh.do("appendData", fileUrl=landed(mesh, CLEAN.encode()), **given)
    await mesh.pool.execute("analyze process_run")
    await mesh.pool.execute("analyze commands")
    known = """
    select tablename from pg_stats where tablename in ('process_run', 'commands')
       and concat(most_common_vals::text, histogram_bounds::text) like $1"""
    assert {row[0] for row in await mesh.pool.fetch(known, f"%{SUBJECT}%")} == {"process_run", "commands"}
    await processed(mesh, await requested(mesh))
    assert await mesh.pool.fetch(known, f"%{SUBJECT}%") == []


async def test_no_page_of_the_tables_keeps_the_bytes_of_a_mended_row(mesh: AtWork) -> None:
    await lake_with(mesh)
    for number in range(30):
        given = {"dataset": "people", "contractId": "people-c", "batchId": f"b{number}"}
        key = f"for {SUBJECT}" if number >= 20 else f"for nobody {number}"
        await mesh.do("appendData", idempotencyKey=f"{number} {key}", fileUrl=landed(mesh, CLEAN.encode()), **given)
    await processed(mesh, await requested(mesh))
    await mesh.pool.execute("checkpoint")
    pages = "select pg_read_binary_file(pg_relation_filepath($1))"
    for table in ("process_run", "commands", "commands_pkey", "pg_statistic"):
        assert SUBJECT.encode() not in await mesh.pool.fetchval(pages, table), table


async def test_a_table_that_others_hold_is_left_to_a_later_vacuum(
    mesh: AtWork, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await lake_with(mesh)
    await mesh.do("createDomain", idempotencyKey=SUBJECT, name="d", owner="ann", description="x")
    deletion = await requested(mesh)
    monkeypatch.setattr(texts, "REWRITE_SECONDS", 0.1)
    async with mesh.pool.acquire() as connection, connection.transaction():
        await connection.execute("lock table commands in access share mode")
        done = await processed(mesh, deletion)
    assert done["deletion"]["status"] == "COMPLETED"
    assert [record.message for record in caplog.records if record.name == texts.__name__] == [
        "others hold the tables of runs; vacuum them in full, as docs/compliance.md says"
    ]


async def test_unused_entries_of_dictionaries_are_told_of(mesh: AtWork) -> None:
    await lake_with(mesh)
    for batch, people in (("p1", ["ann", "bob"]), ("p2", ["ann", SUBJECT])):
        entries = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int32()), pa.array([*people, "nobody"]))
        file = io.BytesIO()
        pq.write_table(pa.table({"person": entries, "note": ["x", "y"], "amount": [1, 2]}), file)
        given = {"dataset": "people", "contractId": "people-c", "batchId": batch}
        await mesh.do("appendData", fileUrl=landed(mesh, file.getvalue()), **given)
    done = await processed(mesh, await requested(mesh))
    assert done["deletion"]["erased"] == [{"batch": {"batchId": "p2"}, "layer": "BRONZE", "rows": 1}]
    assert done["deletion"]["unreached"][0] == "entries of dictionaries that no row uses, in uploads in Parquet: 1"


async def test_files_that_a_batch_left_when_it_was_let_go_go_too(mesh: AtWork) -> None:
    await lake_with(mesh, ("b1", CLEAN))
    await mesh.do("updateContract", contract="people-c", retentionDays=1)
    at = await mesh.pool.fetchval("select now() + interval '2 days'")
    (run,) = await mesh.parts.expiry.start(at)
    await mesh.parts.board.wait(run, 30)
    left = committed(mesh, layout.bronze("people", "b1", 999_999), CSV.encode())
    await processed(mesh, await requested(mesh))
    assert mesh.parts.storage.exists(left) is False

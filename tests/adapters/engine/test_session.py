"""The engine: its sandbox, its lanes, and how a call is stopped."""

import asyncio
import threading
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from server.adapters.engine.ingest.ingestion import IngestJob, ingest
from server.adapters.engine.session import HEAVY_WAITING, Engine
from server.kernel.errors import Unavailable
from tests.adapters.engine.ingest.landing import columns

ENDLESS = "select count(*) from range(10_000_000_000) a, range(1_000) b where hash(a.range) = b.range"


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    (tmp_path / "lake").mkdir()
    return tmp_path / "lake"


@pytest.fixture
def engine(lake: Path, tmp_path: Path):
    with Engine([lake], "256MB", 2, tmp_path / "spill") as engine:
        yield engine


def asking(statement: str, *values: object):
    return lambda cursor: cursor.execute(statement, list(values)).fetchall()


async def test_reads_and_writes_inside_its_directories(engine, lake):
    file = str(lake / "a.parquet")
    await engine.run(asking("copy (select 7 as n) to $1 (format parquet)", file), heavy=True)
    assert await engine.run(asking("select n from read_parquet($1)", file), heavy=False) == [(7,)]


async def test_knows_a_directory_by_its_link_and_by_its_own_path(lake, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(lake)
    with Engine([link], "256MB", 2, tmp_path / "spill") as engine:
        await engine.run(asking("copy (select 7 as n) to $1 (format parquet)", str(link / "a.parquet")), heavy=True)
        read = asking("select n from read_parquet($1)", str(lake / "a.parquet"))
        assert await engine.run(read, heavy=False) == [(7,)]


@pytest.mark.parametrize(
    "statement",
    [
        "select * from read_text('{outside}/secret.txt')",
        "select * from read_text('{lake}/../secret.txt')",
        "select * from read_text('{lake}-beside/secret.txt')",
        "select * from glob('{outside}/*')",
        "copy (select 1) to '{outside}/out.csv'",
        "copy (select 1) to '{lake}/../out.csv'",
        "attach '{outside}/other.db'",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "set allowed_directories = ['/']",
        "set lock_configuration = false",
        "set allowed_configs = ['memory_limit']",
        "set memory_limit = '64GB'",
        "set timezone = 'Europe/Paris'",
        "reset timezone",
        "pragma threads = 8",
        "create secret (type s3, key_id 'a', secret 'b')",
        "select * from 'https://127.0.0.1:9/a.parquet'",
    ],
)
async def test_refuses_whatever_leaves_the_sandbox(engine, lake, statement):
    beside = lake.with_name("lake-beside")
    beside.mkdir()
    for secret in (lake.parent / "secret.txt", beside / "secret.txt"):
        secret.write_text("canary")
    with pytest.raises(duckdb.Error) as denied:
        await engine.run(asking(statement.format(outside=lake.parent, lake=lake)), heavy=False)
    assert "canary" not in str(denied.value)
    assert not list(lake.parent.glob("out*"))


async def test_every_cursor_lives_in_utc(engine):
    zones = await asyncio.gather(
        *(engine.run(asking("select current_setting('timezone')"), heavy=n % 2 == 0) for n in range(4))
    )
    assert zones == [[("UTC",)]] * 4


async def test_a_name_registered_on_one_cursor_is_unknown_to_the_others(engine):
    def register(cursor):
        cursor.execute("create temp table mine as select 1").fetchall()
        return cursor.execute("select count(*) from mine").fetchall()

    assert await engine.run(register, heavy=False) == [(1,)]
    with pytest.raises(duckdb.CatalogException):
        await engine.run(asking("select * from mine"), heavy=False)


async def test_spills_beyond_its_memory(engine, lake):
    sort = "copy (select md5(range::varchar) as h, * from range(3_000_000) order by h) to $1 (format parquet)"
    assert await engine.run(asking(sort, str(lake / "sorted.parquet")), heavy=True) == [(3_000_000,)]


async def test_cancelling_interrupts_the_statement_and_waits_for_its_thread(engine):
    begun, left = threading.Event(), threading.Event()

    def work(cursor):
        try:
            begun.set()
            cursor.execute(ENDLESS).fetchall()
        finally:
            left.set()

    task = asyncio.create_task(engine.run(work, heavy=True))
    await asyncio.to_thread(begun.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert left.is_set()
    assert await engine.run(asking("select 1"), heavy=True) == [(1,)]


async def test_a_deadline_interrupts_too(engine):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await engine.run(asking(ENDLESS), heavy=False)


async def test_cancelling_a_call_that_waits_leaves_its_place_to_others(engine):
    gate = threading.Event()
    running = [asyncio.create_task(engine.run(lambda _: gate.wait(), heavy=True)) for _ in range(2)]
    waiting = asyncio.create_task(engine.run(asking("select 1"), heavy=True))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.set()
    assert await asyncio.gather(*running) == [True, True]


async def test_refuses_calls_beyond_its_queue_and_takes_them_again_afterwards(engine):
    gate = threading.Event()
    tasks = [asyncio.create_task(engine.run(lambda _: gate.wait(), heavy=True)) for _ in range(2 + HEAVY_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="has 66 calls in its lane for heavy already"):
        await engine.run(asking("select 1"), heavy=True)
    assert await engine.run(asking("select 1"), heavy=False) == [(1,)]
    gate.set()
    assert await asyncio.gather(*tasks) == [True] * (2 + HEAVY_WAITING)
    assert await engine.run(asking("select 1"), heavy=True) == [(1,)]


async def test_heavy_calls_run_two_at_once(engine):
    together = threading.Barrier(2)
    both = [engine.run(lambda _: together.wait(10), heavy=True) for _ in range(2)]
    assert sorted(await asyncio.gather(*both)) == [0, 1]


async def test_closing_interrupts_what_runs_and_refuses_what_waits(lake, tmp_path):
    engine = Engine([lake], "256MB", 2, tmp_path / "spill", heavy=1)
    begun = threading.Event()

    def work(cursor):
        begun.set()
        return cursor.execute(ENDLESS).fetchall()

    running = asyncio.create_task(engine.run(work, heavy=True))
    waiting = asyncio.create_task(engine.run(asking("select 1"), heavy=True))
    await asyncio.to_thread(begun.wait)
    await asyncio.to_thread(engine.close)
    for task in (running, waiting):
        with pytest.raises(Unavailable):
            await task
    with pytest.raises(Unavailable, match="the engine is stopping"):
        await engine.run(asking("select 1"), heavy=False)


async def test_an_error_of_the_work_is_the_callers(engine):
    with pytest.raises(ZeroDivisionError):
        await engine.run(lambda _: 1 // 0, heavy=False)


async def test_ingests_two_files_at_once_inside_the_sandbox(engine, lake):
    jobs = [job(lake, f"b{n}", 5_000 + n) for n in (1, 2)]
    answers = await asyncio.gather(*(engine.run(ingesting(*given), heavy=True) for given in jobs))
    assert [(answer.row_count, answer.rejected_row_count) for answer in answers] == [(5_001, 1), (5_002, 1)]


async def test_rows_keep_the_order_of_the_file_whatever_thread_wrote_them(lake, tmp_path):
    source, given = job(lake, "b1", 400_000)
    ordered = (
        "select count(*) from (select _id, id, file_row_number as n from read_parquet($1, file_row_number = true))"
    )
    holds = " where _id = 'b1-' || lpad(n::varchar, 12, '0') and id = n"
    with Engine([lake], "256MB", 4, tmp_path / "spill") as engine:
        await engine.run(ingesting(source, given), heavy=True)
        assert await engine.run(asking(ordered + holds, str(given.bronze)), heavy=False) == [(400_000,)]


async def test_a_cancelled_ingest_leaves_no_file_and_frees_its_thread(engine, lake):
    source, given = job(lake, "b1", 400_000)
    begun = threading.Event()
    work = ingesting(source, given, lambda rows, share: begun.set())
    task = asyncio.create_task(engine.run(work, heavy=True))
    await asyncio.to_thread(begun.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [path.name for path in lake.iterdir()] == [source.name]


def job(lake: Path, batch: str, rows: int) -> tuple[Path, IngestJob]:
    source = lake / f"{batch}.csv"
    source.write_text("id,name\n" + "".join(f"{n},name {n}\n" for n in range(rows)) + "x,y\n")
    paths = {name: lake / f"{batch}.{name}" for name in ("bronze", "rejects", "raw")}
    fields = columns(id="int!", name="string")
    return source, IngestJob(fields=fields, batch=batch, created_at=datetime.now(UTC), block_bytes=8_192, **paths)


def ingesting(source: Path, given: IngestJob, progress=lambda rows, share: None):
    return lambda cursor: ingest(cursor, source, given, progress)

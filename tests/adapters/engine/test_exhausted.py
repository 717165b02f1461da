"""A machine that has no more to give: the engine refuses, leaves nothing behind and works on."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from server.adapters.engine.bare_statistics import without_statistics
from server.adapters.engine.session import Engine
from server.adapters.storage.durable import StorageFull
from server.kernel.errors import LimitExceeded, Refused

SORTED = "select i, md5(i::varchar) as text from range(1000000) as numbers(i) order by text"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    (tmp_path / "lake").mkdir()
    (tmp_path / "spill").mkdir()
    with Engine([tmp_path / "lake", Path("/dev")], "30MB", 2, tmp_path / "spill") as engine:
        yield engine


@contextmanager
def small_disk(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def refusal(engine: Engine, sql: str) -> Refused:
    with pytest.raises(Refused) as refused:
        await engine.run(lambda cursor: cursor.execute(sql).fetchall(), heavy=True)
    return refused.value


def left(tmp_path: Path) -> list[str]:
    """What takes room; a living engine marks its spill folder with an empty file."""
    return sorted(
        str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size
    )


async def works(engine: Engine) -> bool:
    answer = await engine.run(lambda cursor: cursor.execute("select 41 + 1").fetchall(), heavy=True)
    return answer == [(42,)]


async def test_refuses_what_needs_more_memory_than_there_is(engine: Engine, tmp_path: Path) -> None:
    refused = await refusal(engine, "select list(i order by -i) from range(20000000) as numbers(i)")
    assert (type(refused), refused.code) == (LimitExceeded, "LIMIT_EXCEEDED")
    assert refused.message.startswith("this work needs more memory than ENGINE_MEMORY")
    assert (left(tmp_path), await works(engine)) == ([], True)


async def test_refuses_what_finds_no_room_to_spill(engine: Engine, tmp_path: Path) -> None:
    with small_disk(1_000_000):
        refused = await refusal(engine, f"select count(*) from ({SORTED} offset 1)")
    assert type(refused) is StorageFull
    assert str(tmp_path) not in refused.message
    assert (left(tmp_path), await works(engine)) == ([], True)


async def test_refuses_to_write_to_a_full_disk(engine: Engine, tmp_path: Path) -> None:
    refused = await refusal(engine, "copy (select 1) to '/dev/full' (format csv)")
    assert (type(refused), refused.code) == (StorageFull, "UNAVAILABLE")
    assert refused.message == "storage is full: free some space on the server, then try again"
    with small_disk(100_000):
        refused = await refusal(
            engine, f"copy (select md5(i::varchar) from range(100000) t(i)) to '{tmp_path}/lake/a.parquet'"
        )
    assert type(refused) is StorageFull
    assert (left(tmp_path), await works(engine)) == ([], True)


async def test_refuses_to_rewrite_onto_a_full_disk(engine: Engine, tmp_path: Path) -> None:
    source = tmp_path / "lake" / "a.parquet"
    parquet.write_table(pa.table({"text": [str(number) * 20 for number in range(20_000)]}), source)
    target = tmp_path / "lake" / "b.parquet"
    with small_disk(10_000), pytest.raises(StorageFull):
        await engine.run(lambda _: without_statistics(source, target, {"text"}), heavy=True)
    assert await works(engine)


async def test_lets_every_other_fault_through_as_it_is(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(duckdb.IOException):
        await engine.run(lambda cursor: cursor.execute(f"from read_csv('{tmp_path}/lake/none.csv')"), heavy=True)
    with pytest.raises(FileNotFoundError):
        await engine.run(lambda _: (tmp_path / "none").read_bytes(), heavy=True)

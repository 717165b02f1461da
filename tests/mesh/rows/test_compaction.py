from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as parquet
import pytest

from server.adapters.runs import ProcessKind
from server.adapters.store.rebuild import rebuild
from server.kernel.ids import Urn
from server.kernel.layer import Layer
from server.mesh.batch.payloads import CompactPayload, dump
from server.mesh.rows.compact_files import CompactFiles, Thresholds
from server.mesh.rows.compaction import Compaction
from server.mesh.rows.sources import Source
from server.mesh.slices import CODEC, PROJECTIONS, TABLES
from tests.mesh.at_work import AtWork, at_work

D = Urn("dataset:d")
SOON = Thresholds(enough=3, rows=1000, size_bytes=100_000, generation_files=2)


@pytest.fixture
async def mesh(database_url: str, tmp_path: Path) -> AsyncIterator[AtWork]:
    async with at_work(database_url, tmp_path) as mesh:
        await mesh.dataset("d")
        yield mesh


def eager(mesh: AtWork) -> Compaction:
    """A compaction that starts at three files."""
    return mesh.compaction(SOON)


async def fill(mesh: AtWork, *batches: str) -> None:
    """Two rows for each batch."""
    for batch in batches:
        await mesh.append("d", batch, f"n,word,price\n1,{batch},1.50\n2,,\n")


def read(sources: tuple[Source, ...]) -> list[tuple[Any, ...]]:
    """The rows of all sources by `_id`, checked against the number that is promised."""
    rows: list[tuple[Any, ...]] = []
    with duckdb.connect() as engine:
        for source in sources:
            found = engine.execute(
                "select _id, n, word, price from read_parquet($1) where $2 is null or list_contains($2, _batch_id)",
                [str(source.path), source.batches and list(source.batches)],
            ).fetchall()
            assert len(found) == source.rows
            rows += found
    return sorted(rows)


def files(sources: tuple[Source, ...]) -> list[str]:
    return sorted("copy" if "/compact/" in str(source.path) else source.path.parent.name for source in sources)


async def test_reads_many_small_files_from_one_copy(mesh: AtWork) -> None:
    await fill(mesh, "a", "b", "c")
    before = read(await mesh.sources("d"))
    assert len(before) == 6
    assert await eager(mesh).compact(D, Layer.BRONZE) == 6
    (source,) = after = await mesh.sources("d")
    assert (source.batches, source.rows) == (None, 6)
    assert read(after) == before
    assert await eager(mesh).compact(D, Layer.BRONZE) == 0


async def test_a_quarantined_batch_is_left_out_of_a_copy_and_comes_back(mesh: AtWork) -> None:
    await fill(mesh, "a", "b", "c")
    before = read(await mesh.sources("d"))
    await eager(mesh).compact(D, Layer.BRONZE)
    await mesh.do("quarantineBatch", batchId="b", reason="odd")
    assert read(await mesh.sources("d")) == [row for row in before if not row[0].startswith("b-")]
    assert files(await mesh.sources("d")) == ["copy"]
    await mesh.do("releaseBatch", batchId="b", reason="fine")
    assert read(await mesh.sources("d")) == before


async def test_a_replayed_batch_is_read_from_its_own_file(mesh: AtWork) -> None:
    await fill(mesh, "a", "b", "c")
    before = read(await mesh.sources("d"))
    await eager(mesh).compact(D, Layer.BRONZE)
    await fill(mesh, "e")
    await mesh.do("requestReplay", dataset="d")
    assert files(await mesh.sources("d")) == ["a", "b", "c", "e"]
    assert [row for row in read(await mesh.sources("d")) if not row[0].startswith("e-")] == before
    assert await eager(mesh).compact(D, Layer.BRONZE) == 8
    assert files(await mesh.sources("d")) == ["copy"]


async def test_forgets_every_copy_of_a_batch_at_once(mesh: AtWork) -> None:
    await fill(mesh, "a", "b", "c")
    before = read(await mesh.sources("d"))
    compaction = eager(mesh)
    await compaction.compact(D, Layer.BRONZE)
    await fill(mesh, "e", "f", "g")
    await compaction.compact(D, Layer.BRONZE)  # the copies of the first generation are retired, not removed
    stored = mesh.parts.storage
    assert len(list(stored.list("d/compact/"))) == len(await compaction.live_keys()) == 3
    await compaction.forget(D, "e")
    assert [each.key for each in stored.list("d/compact/")] == [*(await compaction.live_keys())]
    assert len(list(stored.list("d/compact/"))) == 1  # that of a, b and c, which was retired before
    assert files(await mesh.sources("d")) == ["a", "b", "c", "e", "f", "g"]
    assert read(await mesh.sources("d"))[:6] == before
    await compaction.forget(D, "e")


async def test_what_was_copied_while_a_batch_moved_on_does_not_stand(
    mesh: AtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(mesh, "a", "b", "c")
    compaction = eager(mesh)
    replace = CompactFiles.replace

    async def late(*given: Any) -> bool:
        monkeypatch.setattr(CompactFiles, "replace", replace)
        await mesh.do("requestReplay", dataset="d")
        return await replace(*given)

    monkeypatch.setattr(CompactFiles, "replace", late)
    assert await compaction.compact(D, Layer.BRONZE) == 0
    assert files(await mesh.sources("d")) == ["a", "b", "c"]
    assert list(mesh.parts.storage.list("d/compact/")) == []
    assert await compaction.compact(D, Layer.BRONZE) == 6


async def test_a_lost_copy_costs_no_row(mesh: AtWork) -> None:
    await fill(mesh, "a", "b", "c")
    before = read(await mesh.sources("d"))
    compaction = eager(mesh)
    await compaction.compact(D, Layer.BRONZE)
    (copy,) = await compaction.live_keys()
    mesh.parts.storage.delete(copy)
    assert files(await mesh.sources("d")) == ["a", "b", "c"]
    assert read(await mesh.sources("d")) == before
    await fill(mesh, "e", "f", "g")
    assert await compaction.compact(D, Layer.BRONZE) == 18  # the new ones, then all six together
    assert read(await mesh.sources("d"))[:6] == before


async def test_is_due_when_there_is_something_to_do_and_a_run_does_it(mesh: AtWork) -> None:
    names = [f"b{number}" for number in range(20)]
    await fill(mesh, *names[:19])
    compaction = mesh.parts.compaction
    assert await compaction.due() == []
    await fill(mesh, names[19])
    assert await compaction.due() == [D]
    run = await mesh.parts.own_runs.start(ProcessKind.COMPACT, D, None, dump(CompactPayload(dataset=D)))
    ended = await mesh.parts.board.wait(run, 60)
    assert (ended.status, ended.rows_done, ended.first_position) == ("SUCCEEDED", 40, None)
    assert files(await mesh.sources("d")) == ["copy"]
    assert await compaction.due() == []
    await mesh.do("requestReplay", dataset="d")
    assert await compaction.due() == [D]


async def test_retired_copies_go_when_nobody_reads_them_any_more(mesh: AtWork) -> None:
    compaction = eager(mesh)
    for start in (0, 3):
        await fill(mesh, *(f"b{number}" for number in range(start, start + 3)))
        await compaction.compact(D, Layer.BRONZE)
    await compaction.sweep()
    assert len(await compaction.live_keys()) == 3
    await mesh.pool.execute("update compact_file set retired_at = retired_at - interval '61 minutes'")
    await compaction.sweep()
    (key,) = await compaction.live_keys()
    assert [each.key for each in mesh.parts.storage.list("d/compact/")] == [key]
    assert files(await mesh.sources("d")) == ["copy"]


async def test_a_rebuild_of_the_read_tables_leaves_copies_right(mesh: AtWork) -> None:
    await fill(mesh, "a", "b", "c")
    await eager(mesh).compact(D, Layer.BRONZE)
    await mesh.do("quarantineBatch", batchId="b", reason="odd")
    before, live = read(await mesh.sources("d")), await mesh.parts.compaction.live_keys()
    async with mesh.pool.acquire() as connection:
        await rebuild(connection, CODEC, PROJECTIONS, TABLES)
    assert await mesh.parts.compaction.live_keys() == live
    assert files(await mesh.sources("d")) == ["copy"]
    assert read(await mesh.sources("d")) == before


async def test_each_layer_has_copies_of_its_own(mesh: AtWork) -> None:
    await fill(mesh, "a", "b", "c")
    rules = [{"column": "word", "strategy": "REDACT"}]
    for batch in ("a", "b", "c"):
        await mesh.do("anonymizeData", batchId=batch, rules=rules)
        await mesh.do("publishData", batchId=batch)
    read_before = {layer: read(await mesh.sources("d", layer)) for layer in Layer}
    assert {row[2] for row in read_before[Layer.GOLD]} == {None}
    assert {row[2] for row in read_before[Layer.BRONZE]} == {"a", "b", "c", None}
    for layer in Layer:
        assert await eager(mesh).compact(D, layer) == 6
    for layer in Layer:
        assert files(await mesh.sources("d", layer)) == ["copy"]
        assert read(await mesh.sources("d", layer)) == read_before[layer]


async def test_copies_of_published_rows_hold_no_statistics_of_personal_columns(mesh: AtWork) -> None:
    await mesh.dataset("p", [{"name": "n", "type": "int"}, {"name": "mail", "type": "string", "pii": True}])
    keep = [{"column": "mail", "strategy": "KEEP"}]
    await mesh.do("createContract", dataset="p", contractId="keep", privacyRules=keep)
    for batch in ("x", "y", "z"):
        await mesh.append("p", batch, "n,mail\n1,ada@example.com\n2,bob@example.com\n", "keep")
        await mesh.do("publishData", batchId=batch)
    assert await eager(mesh).compact(Urn("dataset:p"), Layer.GOLD) == 6
    (source,) = await mesh.sources("p", Layer.GOLD)
    group = parquet.ParquetFile(source.path).metadata.row_group(0)
    told = {group.column(at).path_in_schema: group.column(at).is_stats_set for at in range(group.num_columns)}
    assert told == {"_id": True, "_batch_id": True, "_created_at": True, "n": True, "mail": False}


async def test_a_column_that_became_personal_after_the_upload_has_no_statistics_in_copies(mesh: AtWork) -> None:
    mail = {"name": "mail", "type": "string"}
    await mesh.dataset("p", [mail])
    for batch in ("x", "y", "z"):
        await mesh.append("p", batch, "mail\nada@example.com\n")
    await mesh.do("evolveSchema", dataset="p", fields=[mail | {"pii": True}])
    await mesh.do("updateContract", contract="p-c", privacyRules=[{"column": "mail", "strategy": "KEEP"}])
    for batch in ("x", "y", "z"):
        await mesh.do("publishData", batchId=batch)
    assert await mesh.compaction(SOON).compact(Urn("dataset:p"), Layer.GOLD) == 3
    (source,) = await mesh.sources("p", Layer.GOLD)
    group = parquet.ParquetFile(source.path).metadata.row_group(0)
    assert [group.column(at).is_stats_set for at in range(group.num_columns)] == [True, True, True, False]

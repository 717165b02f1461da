"""The Delta table of a dataset follows what its catalog says, whatever happened to the log."""

import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import deltalake
import pyarrow.parquet as parquet
import pytest

from server.adapters.delta.log import DeltaLog
from server.adapters.runs import RunStatus
from server.adapters.storage.durable import StorageFull
from server.kernel.ids import Urn
from server.mesh.publishing.following import following
from server.settings import Settings
from tests.mesh.publishing.conftest import Lake, process, until

FIELDS = [{"name": "id", "type": "int"}, {"name": "email", "type": "string", "pii": True}]
MASK = [{"column": "email", "strategy": "MASK"}]
KEEP = [{"column": "email", "strategy": "KEEP"}]
SALES = Urn("dataset:sales")


def csv(*rows: str, header: str = "id,email") -> str:
    return "\n".join([header, *rows, ""])


async def told(lake: Lake, *batches: str) -> None:
    """The dataset `sales` with these batches published, of two rows each."""
    await lake.register("sales", FIELDS, privacyRules=KEEP)
    for number, batch in enumerate(batches):
        await lake.publish("sales", batch, csv(f"{number}0,ada@x.org", f"{number}1,"))


async def test_holds_what_is_published_at_every_step_of_a_batch(lake: Lake) -> None:
    await told(lake, "b1", "b2")
    assert await lake.bring("sales")
    both = [*lake.gold("sales", "b1"), *lake.gold("sales", "b2")]
    assert (len(both), lake.read("sales")) == (4, both)

    await lake.do("quarantineBatch", batchId="b1", reason="smells")
    assert await lake.bring("sales")
    assert lake.read("sales") == both[2:]
    await lake.do("releaseBatch", batchId="b1", reason="was nothing")
    assert await lake.bring("sales")
    assert lake.read("sales") == both

    before = lake.paths("sales")
    await lake.do("requestReplay", dataset="sales", reason="anew")
    assert await lake.bring("sales")
    assert lake.read("sales") == both
    assert lake.paths("sales").isdisjoint(before)
    assert not await lake.bring("sales")
    assert deltalake.DeltaTable(lake.log("sales").uri).version() == 3


async def test_a_replay_swaps_both_files_in_one_commit(lake: Lake) -> None:
    await told(lake, "b1", "b2")
    await lake.bring("sales")
    version = deltalake.DeltaTable(lake.log("sales").uri).version()
    await lake.do("requestReplay", dataset="sales", reason="anew")
    await lake.bring("sales")
    assert deltalake.DeltaTable(lake.log("sales").uri).version() == version + 1


async def test_names_no_file_of_a_batch_that_expired(lake: Lake) -> None:
    await lake.register("sales", FIELDS, privacyRules=KEEP, retentionDays=1)
    await lake.publish("sales", "b1", csv("1,a@x.org"))
    await lake.bring("sales")
    (run,) = await lake.parts.expiry.start(datetime.now(UTC) + timedelta(days=2))
    assert (await lake.parts.board.wait(run, 30)).status is RunStatus.SUCCEEDED
    assert await lake.bring("sales")
    assert (lake.paths("sales"), lake.read("sales")) == (set(), [])


async def test_writes_no_log_for_what_is_not_published(lake: Lake) -> None:
    await lake.register("sales", FIELDS, privacyRules=KEEP)
    await lake.append("sales", "b1", csv("1,a@x.org"))
    assert (await lake.bring("sales"), lake.log("sales").read()) == (False, None)
    assert await lake.parts.delta.published() == []


async def test_rows_of_every_schema_version_are_read_together(lake: Lake) -> None:
    await told(lake, "b1")
    await lake.bring("sales")
    wider = [*FIELDS, {"name": "city", "type": "string"}]
    await lake.do("evolveSchema", dataset="sales", fields=wider)
    await lake.publish("sales", "b2", csv("7,c@x.org,Ulm", header="id,email,city"))
    assert await lake.bring("sales")
    cities = [(row["id"], row["city"]) for row in lake.read("sales")]
    assert cities == [(0, None), (1, None), (7, "Ulm")]
    assert lake.paths("sales") == {path for path in lake.paths("sales") if path.count(".") == 1}

    await lake.do("evolveSchema", dataset="sales", fields=[wider[0], wider[2]], compatibility="NONE")
    assert await lake.bring("sales")
    assert [sorted(row) for row in lake.read("sales")] == [["_batch_id", "_id", "city", "id"]] * 3


async def test_a_retyped_column_is_one_type_in_every_file_of_the_table(lake: Lake) -> None:
    await told(lake, "b1")
    await lake.bring("sales")
    float_id = [{"name": "id", "type": "float"}, FIELDS[1]]
    await lake.do("evolveSchema", dataset="sales", fields=float_id)
    await lake.publish("sales", "b2", csv("2.5,c@x.org"))
    assert await lake.bring("sales")
    assert [row["id"] for row in lake.read("sales")] == [0.0, 1.0, 2.5]
    copies = {path for path in lake.paths("sales") if path.count(".") == 2}
    assert (len(copies), len(lake.paths("sales"))) == (1, 2)
    assert not await lake.bring("sales")


async def test_a_column_masked_in_some_batches_is_text_in_all_and_tells_no_bounds(lake: Lake) -> None:
    fields = [{"name": "id", "type": "int"}, {"name": "born", "type": "int", "pii": True}]
    await lake.register("people", fields, privacyRules=[{"column": "born", "strategy": "KEEP"}])
    await lake.publish("people", "b1", csv("1,1815", "2,", header="id,born"))
    await lake.do("updateContract", contract="people-c", privacyRules=[{"column": "born", "strategy": "MASK"}])
    await lake.publish("people", "b2", csv("3,1912", header="id,born"), anonymize=True)
    await lake.bring("people")
    assert [row["born"] for row in lake.read("people")] == ["1815", None, "****"]
    for path in lake.paths("people"):
        group = parquet.read_metadata(Path(lake.log("people").uri) / path).row_group(0)
        told = {group.column(at).path_in_schema: group.column(at).is_stats_set for at in range(group.num_columns)}
        if path.startswith("b1/"):
            assert (told["born"], told["id"]) == (False, True)


async def test_a_lost_or_damaged_log_is_made_again_equal(lake: Lake) -> None:
    await told(lake, "b1", "b2")
    await lake.do("quarantineBatch", batchId="b1", reason="smells")
    await lake.bring("sales")
    await lake.do("releaseBatch", batchId="b1", reason="was nothing")
    await lake.bring("sales")
    before = (lake.read("sales"), lake.paths("sales"))
    folder = Path(lake.log("sales").uri) / "_delta_log"

    assert await lake.parts.delta.rebuild() == 1
    assert (lake.read("sales"), lake.paths("sales")) == before
    shutil.rmtree(folder)
    assert await lake.bring("sales")
    assert (lake.read("sales"), lake.paths("sales")) == before
    await lake.do("quarantineBatch", batchId="b1", reason="smells")
    await lake.bring("sales")
    (folder / f"{0:020}.json").unlink()
    assert await lake.bring("sales")
    assert lake.read("sales") == before[0][2:]


async def test_follows_the_events_and_catches_up_with_those_it_missed(lake: Lake) -> None:
    await told(lake, "b1")
    async with following(lake.parts.delta):
        await until(lambda: len(lake.paths("sales")) == 1)
        await lake.publish("sales", "b2", csv("5,e@x.org"))
        await until(lambda: len(lake.paths("sales")) == 2)
        await lake.do("quarantineBatch", batchId="b1", reason="smells")
        await until(lambda: len(lake.paths("sales")) == 1)
        await lake.do("evolveSchema", dataset="sales", fields=FIELDS[:1], compatibility="NONE")
        await until(lambda: "email" not in deltalake.DeltaTable(lake.log("sales").uri).schema().to_json())
    await lake.do("releaseBatch", batchId="b1", reason="was nothing")
    assert len(lake.paths("sales")) == 1
    async with following(lake.parts.delta):
        await until(lambda: len(lake.paths("sales")) == 2)
    assert len(lake.read("sales")) == 3


async def test_goes_on_after_a_full_disk(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    await told(lake, "b1")
    failed = asyncio.Event()

    def full(*_: Any) -> bool:
        failed.set()
        raise StorageFull("storage is full")

    monkeypatch.setattr("server.mesh.publishing.following.RETRY_SECONDS", 0.01)
    with monkeypatch.context() as patched:
        patched.setattr(DeltaLog, "bring", full)
        async with following(lake.parts.delta):
            await failed.wait()
            patched.undo()
            await until(lambda: len(lake.paths("sales")) == 1)


async def test_two_processes_keep_one_log(lake: Lake, settings: Settings) -> None:
    await told(lake)
    async with (
        process(settings) as other,
        following(lake.parts.delta),
        following(other.delta),
    ):
        for number in range(6):
            await lake.publish("sales", f"b{number}", csv(f"{number},x@x.org"))
        await until(lambda: len(lake.paths("sales")) == 6)
        await asyncio.gather(*(parts.delta.bring(SALES) for parts in (lake.parts, other) * 4))
    assert [row["id"] for row in lake.read("sales")] == list(range(6))

import asyncio
import json

import pytest

from server.adapters.checkpoints import following
from server.adapters.checkpoints.file import CheckpointFile
from server.adapters.checkpoints.following import checkpointing
from server.adapters.checkpoints.writer import Checkpoints, Contradiction, Pace
from server.adapters.storage.local import LocalStorage
from tests.adapters.checkpoints.conftest import Signing


async def everywhere(signing: Signing) -> list[int]:
    """The positions signed, which file, storage and table agree on."""
    lines = signing.lines()
    assert (signing.stored(), await signing.table()) == (lines, lines)
    return lines


async def test_signs_the_head_in_file_storage_and_table(signing: Signing) -> None:
    await signing.put(3)
    made = await signing.writer().write()
    assert made is not None
    head = await signing.pool.fetchrow("select position, hash from event_head")
    assert (made.position, made.hash, made.at) == (3, head["hash"].hex(), "2026-01-31T12:00:00+00:00")
    assert await everywhere(signing) == [3]
    row = dict(await signing.pool.fetchrow("select * from checkpoint"))
    assert row == {
        "position": 3,
        "hash": head["hash"],
        "at": signing.now,
        "signature": made.signature,
        "public_key": made.public_key,
    }
    stored = json.loads(signing.storage.read_path("_checkpoints/0000000000000000003.json").read_text())
    assert stored == {**made.line, "previous": ""}


async def test_signs_nothing_where_nothing_is_new(signing: Signing) -> None:
    writer = signing.writer()
    assert await writer.write() is None
    await signing.put(1)
    assert await writer.write() is not None
    assert await writer.write() is None
    assert await everywhere(signing) == [1]


async def test_is_due_after_so_many_events_or_so_many_seconds(signing: Signing) -> None:
    writer = signing.writer(Pace(events=5, seconds=60))
    assert await writer.write_if_due() is None
    await signing.put(1)
    assert (await writer.write_if_due()) is not None, "the first event waits for no clock"
    await signing.put(4)
    signing.later(59)
    assert await writer.write_if_due() is None
    await signing.put(1)
    assert (await writer.write_if_due()) is not None
    signing.later(61)
    assert await writer.write_if_due() is None, "nothing is new"
    await signing.put(1)
    assert (await writer.write_if_due()) is not None
    await signing.put(1)
    signing.later(-10)
    assert (await writer.write_if_due()) is not None, "a clock that went back holds nothing up"
    assert await everywhere(signing) == [1, 6, 7, 8]


async def test_many_writers_sign_a_head_once(signing: Signing) -> None:
    writers = [signing.writer() for _ in range(6)]
    for _ in range(3):
        await signing.put(1)
        await asyncio.gather(*(writer.write() for writer in writers))
    assert await everywhere(signing) == [1, 2, 3]


async def test_completes_what_a_crash_between_file_and_storage_left(
    signing: Signing, monkeypatch: pytest.MonkeyPatch
) -> None:
    await signing.put(1)
    with monkeypatch.context() as cut:
        cut.setattr(LocalStorage, "commit", _cut)
        with pytest.raises(InterruptedError):
            await signing.writer().write()
    assert (signing.lines(), signing.stored(), await signing.table()) == ([1], [], [])
    await signing.writer().write()
    assert await everywhere(signing) == [1]


async def test_completes_what_a_crash_between_storage_and_table_left(signing: Signing) -> None:
    await signing.put(1)
    await signing.writer().write()
    await signing.pool.execute("delete from checkpoint")
    await signing.put(1)
    await signing.writer().write()
    assert await everywhere(signing) == [1, 2]


async def test_claims_nothing_that_the_file_does_not_have(signing: Signing, monkeypatch: pytest.MonkeyPatch) -> None:
    await signing.put(1)
    with monkeypatch.context() as cut:
        cut.setattr(CheckpointFile, "append", _cut)
        with pytest.raises(InterruptedError):
            await signing.writer().write()
    assert await everywhere(signing) == []


async def test_makes_the_file_anew_from_the_table(signing: Signing) -> None:
    for _ in range(3):
        await signing.put(1)
        await signing.writer().write()
    kept = signing.file.after(0)
    signing.file.path.unlink()
    await signing.writer().write()
    assert signing.file.after(0) == kept


async def test_refuses_to_sign_a_log_that_is_not_the_one_signed_before(signing: Signing) -> None:
    await signing.put(3)
    await signing.writer().write()
    await signing.put(1)
    await signing.pool.execute("alter table events disable trigger events_are_final")
    await signing.pool.execute("update events set hash = sha256(hash) where position = 3")
    with pytest.raises(Contradiction, match="position 3 of the log is not what its checkpoint signed"):
        await signing.writer().write()
    await signing.pool.execute("delete from events where position >= 3")
    with pytest.raises(Contradiction, match="position 3 of the log"):
        await signing.writer().write()
    assert await everywhere(signing) == [3]


async def test_refuses_to_sign_a_head_that_is_not_the_last_event(signing: Signing) -> None:
    await signing.put(1)
    await signing.pool.execute("update event_head set hash = sha256(hash)")
    with pytest.raises(Contradiction, match="the head of the log is not its last event"):
        await signing.writer().write()
    assert await everywhere(signing) == []


async def test_a_process_signs_as_it_goes_and_when_it_stops(signing: Signing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "LOOK_SECONDS", 0.01)
    written, writes = asyncio.Event(), Checkpoints.write_if_due

    async def heard(self: Checkpoints) -> object:
        made = await writes(self)
        if made is not None:
            written.set()
        return made

    monkeypatch.setattr(Checkpoints, "write_if_due", heard)
    async with checkpointing(signing.writer(Pace(events=2, seconds=3600))):
        await signing.put(1)
        async with asyncio.timeout(30):
            await written.wait()
        await signing.put(1)
    assert await everywhere(signing) == [1, 2]


async def test_a_process_says_at_its_start_that_the_log_is_older_than_its_checkpoints(
    signing: Signing, monkeypatch: pytest.MonkeyPatch
) -> None:
    await signing.put(3)
    await signing.writer().write()
    stood = await signing.pool.fetchrow("select position, hash from event_head")
    await signing.put(2)
    await signing.writer().write()
    await signing.pool.execute("alter table events disable trigger events_are_final")
    await signing.pool.execute("delete from events where position > 3")
    await signing.pool.execute("delete from checkpoint where position > 3")
    await signing.pool.execute("update event_head set position = $1, hash = $2", *stood)
    said = asyncio.Event()
    monkeypatch.setattr(following.logger, "critical", lambda *words: said.set())
    async with checkpointing(signing.writer()), asyncio.timeout(10):
        await said.wait()
    assert signing.lines() == [3, 5]


async def test_a_process_goes_on_when_a_checkpoint_fails(
    signing: Signing, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await signing.put(1)
    with monkeypatch.context() as cut:
        cut.setattr(Checkpoints, "write", _cut)
        async with checkpointing(signing.writer()):
            pass
    assert "checkpoints wait until Postgres is back" in caplog.text
    async with checkpointing(signing.writer()):
        pass
    assert await everywhere(signing) == [1]


def _cut(*_: object) -> None:
    raise InterruptedError("here the process dies")

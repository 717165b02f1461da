"""The sweeper: after any life of batches, crashes included, exactly what is named is left."""

import asyncio
import hashlib
import itertools
import os
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.adapters.runs import ProcessKind, RunRequest
from server.adapters.storage import layout
from server.kernel.errors import Refused
from server.kernel.ids import Kind, urn
from server.kernel.intent import Intent
from server.kernel.privacy import PrivacyRule, PrivacyStrategy
from server.mesh.batch.commands import (
    AppendData,
    Command,
    ExpireBatch,
    PublishData,
    QuarantineBatch,
    RecordAnonymization,
    RecordQuality,
    ReleaseBatch,
    ReplayBatch,
)
from server.mesh.batch.state import Batch
from server.mesh.batch.stream import BATCHES
from server.mesh.retention.sweep import Swept
from tests.mesh.at_work import AtWork, at_work
from tests.mesh.batch.examples import LATER, OPEN, appended, checked, hidden, replayed, result

GRACE = timedelta(days=1)
FORM = "0123456789ab"


def long_after() -> datetime:
    """When everything that is there now has had its time."""
    return datetime.now(UTC) + timedelta(days=3)


@dataclass
class Life:
    """Batches of one dataset whose files are made here and whose commands are really decided and recorded."""

    mesh: AtWork
    dataset: str
    numbers: "itertools.count[int]"
    named: dict[str, set[str]] = field(default_factory=dict)  # by batch: the keys that its events name now

    def write(self, *keys: str) -> set[str]:
        storage = self.mesh.parts.storage
        for key in keys:
            staged = storage.staging()
            staged.write_text(key)
            storage.commit(staged, key)
        return set(keys)

    async def state(self, batch: str) -> Batch | None:
        return (await self.mesh.parts.commands.load(BATCHES, urn(Kind.BATCH, batch))).state

    async def record(self, batch: str, command: Command) -> bool:
        """Whether the command was recorded."""
        intent = Intent(actor="ann", correlation_id="c", key=f"~{uuid.uuid4()}", digest=b"", keyed=False)
        try:
            await self.mesh.parts.commands.execute(BATCHES, urn(Kind.BATCH, batch), command, intent)
        except Refused:
            return False
        return True

    def swap(self, batch: str, keys: set[str], *folders: str) -> None:
        """The new keys in place of all others in these layers."""
        gone = tuple(f"{self.dataset}/{folder}/{batch}/" for folder in folders)
        self.named[batch] = {key for key in self.named[batch] if not key.startswith(gone) or "samples" in key} | keys

    async def append(self, batch: str, number: int, crash: bool) -> None:
        digest = hashlib.sha256(f"{batch}{number}".encode()).hexdigest()
        keys = self.write(
            layout.raw(self.dataset, batch, digest, ".csv"),
            layout.bronze(self.dataset, batch, number),
            layout.rejects(self.dataset, batch, number),
        )
        event = replace(
            appended(number), batch=urn(Kind.BATCH, batch), dataset=urn(Kind.DATASET, self.dataset), checksum=digest
        )
        if not crash and await self.record(batch, AppendData(appended=event)):
            self.named[batch] = keys

    async def check(self, batch: str, number: int, crash: bool) -> None:
        keys = self.write(layout.samples(self.dataset, batch, number))
        state = await self.state(batch)
        if crash or state is None:
            return
        found = checked(result(False), attempt=number)
        if await self.record(batch, RecordQuality(batch=state.batch, checked=found, bronze=state.bronze)):
            self.named[batch] |= keys

    async def anonymize(self, batch: str, number: int, crash: bool) -> None:
        keys = self.write(layout.silver(self.dataset, batch, number))
        state = await self.state(batch)
        if crash or state is None:
            return
        done = replace(hidden("email"), rules=(PrivacyRule(column="email", strategy=PrivacyStrategy.MASK),))
        command = RecordAnonymization(batch=state.batch, anonymized=done, attempt=number, bronze=state.bronze)
        if await self.record(batch, command):
            self.swap(batch, keys, "silver")

    async def publish(self, batch: str, number: int, crash: bool) -> None:
        keys = self.write(layout.gold(self.dataset, batch, number), layout.aligned(self.dataset, batch, number, FORM))
        state = await self.state(batch)
        if crash or state is None:
            return
        command = PublishData(batch=state.batch, gate=OPEN, attempt=number, bronze=state.bronze, silver=state.silver)
        if await self.record(batch, command):
            self.swap(batch, keys, "gold")

    async def replay(self, batch: str, number: int, crash: bool) -> None:
        keys = self.write(layout.bronze(self.dataset, batch, number))
        state = await self.state(batch)
        published = state is not None and state.gold is not None
        if published:
            keys |= self.write(layout.gold(self.dataset, batch, number))
        if crash or state is None:
            return
        event = replace(replayed(attempt=number, published=published), batch=state.batch)
        command = ReplayBatch(replayed=event, gate=OPEN, bronze=state.bronze, silver=state.silver)
        if await self.record(batch, command):
            self.swap(batch, keys, "bronze", "silver", "gold")

    async def expire(self, batch: str, number: int, crash: bool) -> None:
        command = ExpireBatch(batch=urn(Kind.BATCH, batch), expires_at=LATER, reason="over")
        if await self.record(batch, command):  # and the worker dies before it removes a file
            self.named[batch] = set()

    async def quarantine(self, batch: str, number: int, crash: bool) -> None:
        await self.record(batch, QuarantineBatch(batch=urn(Kind.BATCH, batch), reason="smells"))

    async def release(self, batch: str, number: int, crash: bool) -> None:
        await self.record(batch, ReleaseBatch(batch=urn(Kind.BATCH, batch), reason="fine"))

    @property
    def left(self) -> set[str]:
        return {stored.key for stored in self.mesh.parts.storage.list() if stored.key.startswith(f"{self.dataset}/")}


MOVES: list[Callable[..., Any]] = [
    Life.append,
    Life.check,
    Life.anonymize,
    Life.publish,
    Life.replay,
    Life.expire,
    Life.quarantine,
    Life.release,
]
USUAL = [Life.append, Life.check, Life.anonymize, Life.publish, Life.replay]
steps = st.tuples(st.sampled_from(USUAL) | st.sampled_from(MOVES), st.sampled_from("ab"), st.booleans())


def test_exactly_what_events_name_is_left_after_any_life(database_url: str, tmp_path: Path) -> None:
    lives, numbers = itertools.count(1), itertools.count(1)

    async def lived(mesh: AtWork, moves: list[tuple[Callable[..., Any], str, bool]]) -> None:
        number = next(lives)
        life = Life(mesh, f"d{number}", numbers)
        for move, batch, crash in [(Life.append, "a", False), *moves]:
            await move(life, f"{batch}{number}", next(numbers), crash)
        everything = life.left
        await mesh.parts.sweeper.sweep(long_after())
        assert life.left == set().union(*life.named.values())
        assert life.left <= everything

    with asyncio.Runner() as runner:
        opened = at_work(database_url, tmp_path)
        mesh = runner.run(opened.__aenter__())
        try:

            @settings(max_examples=60, deadline=None)
            @given(moves=st.lists(steps, max_size=12))
            def holds(moves: list[tuple[Callable[..., Any], str, bool]]) -> None:
                runner.run(lived(mesh, moves))

            holds()
        finally:
            runner.run(opened.__aexit__(None, None, None))


@pytest.fixture
async def mesh(database_url: str, tmp_path: Path) -> AsyncIterator[AtWork]:
    async with at_work(database_url, tmp_path) as mesh:
        yield mesh


@pytest.fixture
def life(mesh: AtWork) -> Life:
    return Life(mesh, "d", itertools.count(100))


def age(life: Life, key: str, by: timedelta) -> None:
    """Let a file have been written so long ago."""
    path = life.mesh.parts.storage.read_path(key)
    then = (datetime.now(UTC) - by).timestamp()
    os.utime(path, (then, then))


async def sweep(life: Life, at: datetime | None = None) -> Swept:
    return await life.mesh.parts.sweeper.sweep(at or long_after())


async def test_what_a_replay_replaced_stays_for_the_grace_however_old_its_file(life: Life) -> None:
    await life.append("b1", 1, False)
    await life.replay("b1", 2, False)
    (orphan,) = life.write(layout.silver("d", "b1", 3))
    before = life.left
    for key in before:
        age(life, key, timedelta(days=30))
    now = datetime.now(UTC)
    assert (await sweep(life, now)).removed == 1
    assert life.left == before - {orphan}
    assert (await sweep(life, now + GRACE + timedelta(hours=1))).removed == 2  # bronze and rejects of attempt 1
    assert life.left == life.named["b1"]


async def test_what_is_young_stays(life: Life) -> None:
    await life.append("b1", 1, True)
    assert await sweep(life, datetime.now(UTC)) == Swept()
    assert len(life.left) == 3


async def test_what_an_expired_batch_left_goes_at_once(life: Life) -> None:
    await life.append("b1", 1, False)
    await life.publish("b1", 2, False)
    await life.append("b2", 3, False)
    await life.expire("b1", 4, False)
    assert (await sweep(life, datetime.now(UTC))).removed == 5
    assert life.left == life.named["b2"]


async def test_what_a_run_may_be_making_stays(life: Life) -> None:
    await life.append("B1", 1, True)
    await life.append("b2", 2, True)
    await start(life, ProcessKind.EMULATE, "b1")
    assert (await sweep(life)).removed == 3
    assert {key.split("/")[2] for key in life.left} == {"B1"}
    await start(life, ProcessKind.EMULATE, None)
    await life.append("b3", 3, True)
    assert (await sweep(life)).removed == 0


async def start(life: Life, kind: ProcessKind, batch: str | None, **payload: str) -> None:
    """A run that nobody here does."""
    request = RunRequest(
        kind=kind,
        dataset=urn(Kind.DATASET, life.dataset),
        batch_id=batch,
        actor="ann",
        correlation_id="c",
        command_key=None,
        input_digest=b"",
        payload=payload,
    )
    await life.mesh.parts.board.start(request)


async def test_what_is_made_without_a_run_stays_while_its_maker_lives(life: Life) -> None:
    await life.append("b1", 1, True)
    with life.mesh.parts.storage.claim(layout.batch_claim("d", "b1"), shared=True):
        assert (await sweep(life)).removed == 0
    assert (await sweep(life)).removed == 3


async def test_uploads_go_after_a_day_unless_an_append_waits_for_them(life: Life) -> None:
    old, wanted, fresh = (layout.landing(uuid.uuid4(), "x.csv") for _ in range(3))
    life.write(old, wanted, fresh)
    for key in (old, wanted):
        age(life, key, timedelta(hours=25))
    await start(life, ProcessKind.EMULATE, None)  # the append waits for it
    await start(life, ProcessKind.APPEND, "b1", file_url=wanted)
    swept = await sweep(life, datetime.now(UTC))
    assert (swept.removed, swept.size_bytes) == (1, len(old))
    assert {stored.key for stored in life.mesh.parts.storage.list()} == {wanted, fresh}


async def test_a_file_of_the_same_batch_in_another_dataset_is_nobodys(life: Life) -> None:
    await life.append("b1", 1, False)
    life.write(layout.bronze("other", "b1", 1), layout.bronze("d", "B1", 1))
    assert (await sweep(life)).removed == 2
    assert life.left == life.named["b1"]


async def test_copies_that_are_not_read_go(life: Life) -> None:
    life.write(layout.compact("d", "gold", 7))
    assert (await sweep(life)).removed == 1


async def test_what_it_does_not_understand_is_left_alone_and_counted(life: Life) -> None:
    keys = life.write("d/notes.txt", "d/bronze/b1/1.parquet.tmp", "d/gold/b1/1.csv", "x", "d/raw/b1/12.csv")
    keys |= life.write("d/gold/_delta_log/00000000000000000000.json")
    assert await sweep(life) == Swept(unknown=5)
    assert life.left == keys - {"x"}


async def test_nothing_goes_while_the_read_tables_lack_what_the_log_has(life: Life) -> None:
    await life.append("b1", 1, False)
    await life.append("b1", 2, True)
    before = life.left
    await life.mesh.pool.execute("delete from batch")
    assert await sweep(life) == Swept()
    assert life.left == before


async def test_nothing_goes_that_the_log_names_although_the_tables_do_not(life: Life) -> None:
    await life.append("b1", 1, False)
    await life.mesh.pool.execute("update batch set bronze = 99, checksum = 'x'")
    assert await sweep(life) == Swept()


async def test_removes_staged_files_that_were_left(life: Life) -> None:
    storage = life.mesh.parts.storage
    for minutes in (5, 15, 60 * 25):
        path = storage.staging()
        path.write_bytes(b"x")
        then = (datetime.now(UTC) - timedelta(minutes=minutes)).timestamp()
        os.utime(path, (then, then))
    assert await sweep(life) == Swept(staged=2)  # nothing younger than a request may last
    path = storage.staging()
    path.write_bytes(b"x")
    os.utime(path, (then, then))
    await start(life, ProcessKind.EMULATE, None)
    assert await sweep(life) == Swept(staged=1)


async def test_batches_read_and_replay_after_a_sweep(mesh: AtWork) -> None:
    await mesh.dataset("d", onBadRows="SET_ASIDE")
    await mesh.append("d", "b1", "n,word,price\n1,one,1.50\nx,bad,0\n")
    await mesh.do("publishData", batchId="b1")
    await mesh.do("requestReplay", dataset="d", reason="again")
    before = {one.key for one in mesh.parts.storage.list() if one.key.startswith("d/")}
    swept = await mesh.parts.sweeper.sweep(long_after())
    after = {one.key for one in mesh.parts.storage.list() if one.key.startswith("d/")}
    assert (len(before), len(after), swept.unknown) == (7, 4, 0)
    shown = '{ batch(id: "b1") { status rowCount rejectedRows { line } } }'
    expected = {"batch": {"status": "PUBLISHED", "rowCount": 1, "rejectedRows": [{"line": 3}]}}
    assert await mesh.ask(shown) == expected
    done = await mesh.do("requestReplay", "run { status progress }", dataset="d", reason="once more")
    assert done == {"run": {"status": "SUCCEEDED", "progress": 1.0}}
    assert await mesh.ask(shown) == expected

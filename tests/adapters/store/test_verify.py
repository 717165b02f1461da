"""Verification finds the first event that is not as it was recorded; the trigger keeps honest hands off."""

from dataclasses import replace

import asyncpg
import pytest

from server.adapters.store import verify as verification
from server.adapters.store.verify import Verification, verify
from server.kernel.errors import BadUserInput
from tests.adapters.store.opened import Store, append
from tests.adapters.store.shelf import BookPut, Made

COUNT = 10
SWAP = """
with five as (select * from events where position = 5), six as (select * from events where position = 6)
update events e set data = case e.position when 5 then six.data else five.data end
from five, six where e.position in (5, 6)
"""

# What is done to the log, and the first position at which it then breaks.
TAMPERED = {
    "data": ("""update events set data = '{"title": "Ulysses", "books": 4}' where position = 5""", 5),
    "one character of data": ("update events set data = jsonb_set(data, '{books}', '7') where position = 5", 5),
    "meta": ("""update events set meta = jsonb_set(meta, '{actor}', '"bob"') where position = 5""", 5),
    "type": ("update events set type = 'Made' where position = 5", 5),
    "version": ("update events set version = 99 where position = 5", 5),
    "stream": ("update events set stream = 'shelf:b' where position = 5", 5),
    "recorded_at": ("update events set recorded_at = recorded_at + interval '1 microsecond' where position = 5", 5),
    "hash": ("update events set hash = set_byte(hash, 0, get_byte(hash, 0) # 1) where position = 5", 5),
    "the first event": ("update events set type = 'Burnt' where position = 1", 1),
    "the last event": ("update events set type = 'Burnt' where position = 10", 10),
    "a deleted event": ("delete from events where position = 5", 5),
    "two deleted events": ("delete from events where position in (5, 7)", 5),
    "a deleted first event": ("delete from events where position = 1", 1),
    "a deleted event and a changed one before": (
        "with gone as (delete from events where position = 7) update events set type = 'X' where position = 3",
        3,
    ),
    "swapped events": (SWAP, 5),
    "a cut end": ("delete from events where position >= 8", 8),
    "everything cut": ("delete from events", 1),
    "an event beyond the head": (
        "insert into events select 11, 'shelf:b', 1, type, data, meta, recorded_at, hash from events limit 1",
        11,
    ),
    "the hash in the head": ("update event_head set hash = sha256(hash)", 10),
}


@pytest.fixture
async def log(store: Store) -> Store:
    """A log of ten events."""
    await store.writer.submit(append("shelf:a", Made(name="a")))
    for number in range(1, COUNT):
        await store.writer.submit(append("shelf:a", BookPut(title="Emma", books=number)))
    return store


async def tamper(connection: asyncpg.Connection, statement: str) -> None:
    """As a superuser can who switches the trigger off."""
    async with connection.transaction():
        await connection.execute("alter table events disable trigger events_are_final")
        await connection.execute(statement)
        await connection.execute("alter table events enable trigger events_are_final")


async def head(connection: asyncpg.Connection) -> str:
    return (await connection.fetchval("select hash from event_head")).hex()


async def test_an_untouched_log_is_intact(
    log: Store, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    intact = Verification(checked=COUNT, first_broken=None, head=await head(connection))
    assert intact.intact
    for chunk in (10_000, 5, 3, 1):
        monkeypatch.setattr(verification, "CHUNK", chunk)
        assert await verify(log.pool) == intact
        assert await verify(log.pool, 7) == replace(intact, checked=COUNT - 7)
        assert await verify(log.pool, COUNT) == replace(intact, checked=0)


async def test_an_empty_log_is_intact(store: Store) -> None:
    assert await verify(store.pool) == Verification(checked=0, first_broken=None, head=bytes(32).hex())


@pytest.mark.parametrize("what", TAMPERED)
async def test_finds_the_first_position_that_was_tampered_with(
    log: Store, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    statement, first = TAMPERED[what]
    await tamper(connection, statement)
    for chunk in (10_000, 4, 3, 1):
        monkeypatch.setattr(verification, "CHUNK", chunk)
        found = await verify(log.pool)
        assert (found.first_broken, found.intact) == (first, False)


async def test_does_not_look_at_what_lies_before_its_start(log: Store, connection: asyncpg.Connection) -> None:
    await tamper(connection, "update events set type = 'Burnt' where position = 3")
    assert (await verify(log.pool, 2)).first_broken == 3
    assert (await verify(log.pool, 3)).intact


@pytest.mark.parametrize("position", [-1, COUNT + 1])
async def test_refuses_to_start_at_what_is_no_position(log: Store, position: int) -> None:
    with pytest.raises(BadUserInput):
        await verify(log.pool, position)


async def test_does_not_depend_on_the_session(log: Store) -> None:
    settings = {"timezone": "Asia/Kathmandu", "datestyle": "SQL, DMY", "bytea_output": "escape"}
    pool = await asyncpg.create_pool(log.url, min_size=1, max_size=1, server_settings=settings)
    assert (await verify(pool)).intact
    await pool.close()


@pytest.mark.parametrize(
    "statement",
    [
        "update events set type = 'Burnt' where position = 5",
        "update events set type = type where false",
        "delete from events where position = 5",
        "delete from events",
        "truncate events",
        "truncate events, snapshots cascade",
        "insert into events select * from events on conflict (position) do update set type = 'Burnt'",
    ],
)
async def test_no_statement_changes_or_deletes_events(
    log: Store, connection: asyncpg.Connection, statement: str
) -> None:
    with pytest.raises(asyncpg.RestrictViolationError, match=r"^events are never changed or deleted \(\w+ refused\)$"):
        await connection.execute(statement)
    assert (await verify(log.pool)).intact

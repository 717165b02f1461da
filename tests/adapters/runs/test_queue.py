"""The seam to the queue's library: its tables, and who counts as dead."""

import uuid
from collections.abc import Iterator

import asyncpg
import pytest

from server.adapters.runs import ProcessKind, RunBoard, RunSignals, queue
from server.adapters.runs.claims import Claim, ClaimLost, Claims, Verdict
from tests.adapters.runs.arrange import ask, queued

KINDS = (ProcessKind.APPEND,)
SILENT_SINCE = "update pgqueuer set heartbeat = now() - make_interval(secs => $1)"
DONE = Verdict(progress=1.0, rows_done=3, first_position=5, last_position=5)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Names that other programs use, set to something else."""
    for name in ("FUNCTION", "CHANNEL", "TRIGGER", "QUEUE_TABLE", "PGQUEUER_PREFIX", "PGQUEUER_SCHEMA"):
        monkeypatch.setenv(name, "surprise")
    queue._settings.cache_clear()
    queue._builder.cache_clear()
    yield
    queue._settings.cache_clear()
    queue._builder.cache_clear()


async def test_the_tables_are_what_the_installed_library_asks_for(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        plan = await queue.queue_on(connection).plan_upgrade()
    assert list(plan.statements) == []


@pytest.mark.usefixtures("environment")
async def test_no_environment_variable_renames_the_tables(board: RunBoard, pool: asyncpg.Pool) -> None:
    await board.start(ask())
    assert await queued(pool) == 1


async def take(pool: asyncpg.Pool, *, worker: uuid.UUID | None = None, timeout: float = 3600) -> list[Claim]:
    return await Claims(pool, worker or uuid.uuid4(), KINDS, timeout).take(5, ())


async def test_a_run_is_taken_once(board: RunBoard, pool: asyncpg.Pool) -> None:
    run = await board.start(ask())
    (claim,) = await take(pool)
    assert (claim.run.id, claim.run.attempt, claim.deaths) == (run.id, 1, 0)
    assert await take(pool) == []


async def test_the_job_of_a_silent_worker_is_taken_again_and_its_end_does_not_count(
    board: RunBoard, pool: asyncpg.Pool
) -> None:
    run = await board.start(ask())
    first, second = (Claims(pool, uuid.uuid4(), KINDS, 60) for _ in range(2))
    (old,) = await first.take(1, ())
    await pool.execute(SILENT_SINCE, 61.0)
    (new,) = await second.take(1, ())
    assert (new.run.id, new.run.attempt, new.deaths) == (run.id, 2, 1)
    before = await board.get(run.id)

    assert await first.beat([old]) == set()
    with pytest.raises(ClaimLost):
        await first.settle(old, DONE)
    with pytest.raises(ClaimLost):
        await first.give_back(old)
    assert await board.get(run.id) == before
    assert await queued(pool) == 1

    assert await second.beat([new]) == {run.id}
    await second.settle(new, DONE)
    after = await board.get(run.id)
    assert (after.status, after.first_position, after.rows_done) == ("SUCCEEDED", 5, 3)
    assert await queued(pool) == 0


async def test_a_heartbeat_keeps_a_job(board: RunBoard, pool: asyncpg.Pool) -> None:
    await board.start(ask())
    mine = Claims(pool, uuid.uuid4(), KINDS, 60)
    claims = await mine.take(1, ())
    await pool.execute(SILENT_SINCE, 61.0)
    await mine.beat(claims)
    assert await take(pool, timeout=60) == []


async def test_a_run_given_back_is_taken_by_the_next_and_was_no_death(board: RunBoard, pool: asyncpg.Pool) -> None:
    run = await board.start(ask())
    mine = Claims(pool, uuid.uuid4(), KINDS, 60)
    (claim,) = await mine.take(1, ())
    await mine.give_back(claim)
    waiting = await board.get(run.id)
    assert (waiting.status, waiting.attempt) == ("QUEUED", 1)
    (again,) = await take(pool)
    assert (again.run.attempt, again.deaths) == (2, 0)


@pytest.mark.parametrize(
    ("lives", "silent", "taken"), [(True, 1200.0, 0), (False, 1.0, 0), (False, 1200.0, 1), (True, 3601.0, 1)]
)
async def test_a_worker_is_dead_when_its_session_is_gone_and_it_was_silent_or_when_it_was_silent_for_long(
    board: RunBoard, pool: asyncpg.Pool, signals: RunSignals, lives: bool, silent: float, taken: int
) -> None:
    worker = uuid.uuid4()
    if lives:
        await signals.hold(worker)
    await board.start(ask())
    assert len(await take(pool, worker=worker)) == 1
    await pool.execute(SILENT_SINCE, silent)
    await Claims(pool, uuid.uuid4(), KINDS, 3600).disown_dead(600)
    assert len(await take(pool)) == taken


async def test_a_held_run_is_not_begun_twice_by_a_worker_that_was_late_with_its_own_heartbeat(
    board: RunBoard, pool: asyncpg.Pool
) -> None:
    run = await board.start(ask())
    mine = Claims(pool, uuid.uuid4(), KINDS, 60)
    claims = await mine.take(1, ())
    await pool.execute(SILENT_SINCE, 61.0)
    assert await mine.take(1, {run.id}) == []
    assert (await board.get(run.id)).attempt == 1
    assert await mine.beat(claims) == {run.id}

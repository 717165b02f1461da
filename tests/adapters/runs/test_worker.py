"""How a worker does runs: their ends, how many at once, and what it outlives."""

import asyncio
import logging
import uuid

import asyncpg
import pytest

from server.adapters.postgres.away import PostgresAway
from server.adapters.runs import (
    ProcessKind,
    Run,
    RunBoard,
    RunContext,
    RunOutcome,
    RunSignals,
    RunStatus,
    RunWorker,
    worker,
)
from server.adapters.runs.claims import Claims
from server.kernel.errors import InvalidData
from tests.adapters.runs.arrange import Gate, always, ask, begun, queued

KIND = ProcessKind.QUALITY_CHECK


async def test_a_run_that_succeeds_says_what_it_did(board: RunBoard, pool: asyncpg.Pool, signals: RunSignals) -> None:
    async def handle(context: RunContext) -> RunOutcome:
        assert context.run.payload == {"file": "x", "n": [1, None]}
        assert (context.run.status, context.run.attempt) == (RunStatus.RUNNING, 1)
        await context.progress(0.3, 30)
        await context.progress(0.2, 20)
        assert (context.fraction, context.rows_done) == (0.3, 30)  # it never goes back
        return RunOutcome(first_position=11, last_position=13)

    run = await board.start(ask(KIND, file="x", n=[1, None]))
    async with RunWorker(pool, signals, {KIND: handle}):
        ended = await board.wait(run.id, 30)
    assert ended.status is RunStatus.SUCCEEDED
    assert (ended.progress, ended.rows_done, ended.attempt) == (1.0, 30, 1)
    assert (ended.first_position, ended.last_position) == (11, 13)
    assert (ended.error, ended.error_code, ended.error_field, ended.error_details) == (None, None, None, None)
    assert ended.started_at is not None
    assert ended.finished_at is not None
    assert ended.created_at <= ended.started_at <= ended.finished_at
    assert await queued(pool) == 0


async def test_a_refusal_is_told_in_full_and_not_tried_again(
    board: RunBoard, pool: asyncpg.Pool, signals: RunSignals, caplog: pytest.LogCaptureFixture
) -> None:
    tried: list[int] = []

    async def handle(context: RunContext) -> RunOutcome:
        tried.append(context.run.attempt)
        await context.progress(0.5, 4)
        raise InvalidData("row 3 has no\0 end", field="fileUrl", line=3, columns=["a\0", "b"])

    run = await board.start(ask(KIND))
    async with RunWorker(pool, signals, {KIND: handle}):
        ended = await board.wait(run.id, 30)
    assert (ended.status, ended.progress, ended.rows_done) == (RunStatus.FAILED, 0.5, 4)
    assert (ended.error, ended.error_code, ended.error_field) == ("row 3 has no\ufffd end", "INVALID_DATA", "fileUrl")
    assert ended.error_details == {"line": 3, "columns": ["a\ufffd", "b"]}
    assert ended.finished_at is not None
    assert tried == [1]
    assert await queued(pool) == 0
    assert [entry for entry in caplog.records if entry.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("fault", [RuntimeError("secret"), asyncio.CancelledError("secret")])
async def test_a_fault_is_masked_logged_and_not_tried_again(
    board: RunBoard,
    pool: asyncpg.Pool,
    signals: RunSignals,
    caplog: pytest.LogCaptureFixture,
    fault: BaseException,
) -> None:
    run = await board.start(ask(KIND))
    async with RunWorker(pool, signals, {KIND: always(fault)}):
        ended = await board.wait(run.id, 30)
    assert (ended.status, ended.attempt) == (RunStatus.FAILED, 1)
    assert (ended.error, ended.error_code) == ("internal error; correlation id c-1", "INTERNAL")
    assert ended.error_details is None
    assert await queued(pool) == 0
    (entry,) = [entry for entry in caplog.records if entry.levelno >= logging.WARNING]
    assert entry.getMessage() == f"QUALITY_CHECK {run.id} failed; correlation id c-1"
    assert entry.exc_info is not None


async def test_a_worker_leaves_what_it_has_no_handler_for(
    board: RunBoard, pool: asyncpg.Pool, signals: RunSignals
) -> None:
    other = await board.start(ask(ProcessKind.EMULATE, dataset=None))
    run = await board.start(ask(KIND))
    async with RunWorker(pool, signals, {KIND: always(RunOutcome())}):
        await board.wait(run.id, 30)
    assert await board.get(other.id) == other


@pytest.mark.parametrize("limit", [1, 2])
async def test_no_more_runs_at_once_than_allowed(
    board: RunBoard, pool: asyncpg.Pool, signals: RunSignals, limit: int
) -> None:
    gate = Gate()
    runs = [await board.start(ask(KIND, batch=f"b{number}")) for number in range(5)]
    async with RunWorker(pool, signals, {KIND: gate}, max_concurrent=limit):
        for _ in range(limit):
            await begun(gate)
        for _ in range(5 - limit):
            gate.go.release()
            await begun(gate)
        for _ in range(limit):
            gate.go.release()
        ended = [await board.wait(run.id, 30) for run in runs]
    assert [run.status for run in ended] == [RunStatus.SUCCEEDED] * 5
    assert gate.most == limit


async def test_a_run_waits_in_front_of_a_busy_batch_without_a_place_in_the_worker(
    board: RunBoard, pool: asyncpg.Pool, signals: RunSignals
) -> None:
    gate = Gate()
    first, second = [await board.start(ask(KIND, batch="b1")) for _ in range(2)]
    other = await board.start(ask(KIND, batch="b2"))
    async with RunWorker(pool, signals, {KIND: gate}, max_concurrent=2):
        assert {(await begun(gate)).id, (await begun(gate)).id} == {first.id, other.id}
        gate.go.release()
        gate.go.release()
        assert (await begun(gate)).id == second.id
        gate.go.release()
        await board.wait(second.id, 30)


async def test_a_run_that_was_taken_over_is_cancelled_here(
    board: RunBoard, pool: asyncpg.Pool, signals: RunSignals
) -> None:
    began, cancelled = asyncio.Event(), asyncio.Event()

    async def handle(context: RunContext) -> RunOutcome:
        began.set()
        try:
            return await asyncio.get_running_loop().create_future()
        finally:
            cancelled.set()

    run = await board.start(ask(KIND))
    async with RunWorker(pool, signals, {KIND: handle}, heartbeat_timeout=3), asyncio.timeout(30):
        await began.wait()
        await pool.execute("update process_run set attempt_of_run = attempt_of_run + 1")
        await cancelled.wait()
    taken = await board.get(run.id)
    assert (taken.status, taken.attempt) == (RunStatus.RUNNING, 2)
    assert await queued(pool) == 1


async def test_a_run_in_which_the_workers_die_is_given_up(
    board: RunBoard, pool: asyncpg.Pool, signals: RunSignals, caplog: pytest.LogCaptureFixture
) -> None:
    tried: list[Run] = []

    async def handle(context: RunContext) -> RunOutcome:
        tried.append(context.run)
        return RunOutcome()

    run = await board.start(ask(KIND))
    await pool.execute("update process_run set attempt_of_run = $1", worker.MAX_DEATHS)
    async with RunWorker(pool, signals, {KIND: handle}):
        ended = await board.wait(run.id, 30)
    assert (ended.status, ended.error_code) == (RunStatus.FAILED, "INTERNAL")
    assert ended.error == "the server ended again and again in the middle of this run; correlation id c-1"
    assert tried == []


async def test_a_worker_takes_over_from_a_dead_one_long_before_the_heartbeat_is_out(
    board: RunBoard, pool: asyncpg.Pool, signals: RunSignals
) -> None:
    run = await board.start(ask(KIND))
    await Claims(pool, uuid.uuid4(), [KIND], 3600).take(1, ())
    await pool.execute("update pgqueuer set heartbeat = now() - interval '1200 s'")
    async with RunWorker(pool, signals, {KIND: always(RunOutcome())}, heartbeat_timeout=3600):
        ended = await board.wait(run.id, 30)
    assert (ended.status, ended.attempt) == (RunStatus.SUCCEEDED, 2)


async def test_notifications_alone_bring_a_run_to_its_end(
    board: RunBoard, pool: asyncpg.Pool, signals: RunSignals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.adapters.runs.board.LISTENING_POLL_SECONDS", 3600)
    monkeypatch.setattr(worker, "POLL_SECONDS", 3600)
    gate = Gate()
    async with RunWorker(pool, signals, {KIND: gate}, heartbeat_timeout=36_000), asyncio.timeout(30):
        for number in range(10):  # soon a run starts when the worker has looked and waits
            run = await board.start(ask(KIND, batch=f"b{number}"))
            waiting = asyncio.create_task(board.wait(run.id, 3600))
            assert (await gate.began.get()).id == run.id
            gate.go.release()
            assert (await waiting).status is RunStatus.SUCCEEDED


async def test_a_process_that_hears_nothing_still_does_its_runs(pool: asyncpg.Pool, database_url: str) -> None:
    deaf = RunSignals(database_url)
    board = RunBoard(pool, deaf)
    async with RunWorker(pool, deaf, {KIND: always(RunOutcome())}):
        run = await board.start(ask(KIND))
        assert (await board.wait(run.id, 30)).status is RunStatus.SUCCEEDED


async def test_a_worker_outlives_the_loss_of_every_connection(
    board: RunBoard, pool: asyncpg.Pool, signals: RunSignals, database_url: str
) -> None:
    gate = Gate()
    first = await board.start(ask(KIND))
    async with RunWorker(pool, signals, {KIND: gate}):
        await begun(gate)
        stranger = await asyncpg.connect(database_url)
        await stranger.fetch(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        await stranger.close()
        gate.go.release()
        gate.go.release()
        async with asyncpg.create_pool(database_url, min_size=1, max_size=2) as fresh:
            board = RunBoard(fresh, signals)
            second = await board.start(ask(KIND, batch="b2"))
            ended = [await board.wait(run.id, 30) for run in (first, second)]
    assert [run.status for run in ended] == [RunStatus.SUCCEEDED] * 2


async def test_a_run_that_postgres_left_alone_is_done_again(
    board: RunBoard, pool: asyncpg.Pool, signals: RunSignals
) -> None:
    tried: list[int] = []

    async def handle(context: RunContext) -> RunOutcome:
        tried.append(context.run.attempt)
        if len(tried) == 1:
            raise ConnectionResetError("cut")
        return RunOutcome(first_position=7, last_position=7)

    run = await board.start(ask(KIND))
    async with RunWorker(pool, signals, {KIND: handle}):
        ended = await board.wait(run.id, 30)
    assert (ended.status, ended.first_position, ended.error) == (RunStatus.SUCCEEDED, 7, None)
    assert tried == [1, 2]


async def test_a_run_that_finds_postgres_away_each_time_is_told_so(
    board: RunBoard, pool: asyncpg.Pool, signals: RunSignals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "MAX_TRIES", 2)
    run = await board.start(ask(KIND))
    async with RunWorker(pool, signals, {KIND: always(PostgresAway("Postgres is away"))}):
        ended = await board.wait(run.id, 30)
    assert (ended.status, ended.error_code, ended.attempt) == (RunStatus.FAILED, "UNAVAILABLE", 2)
    assert ended.error == "Postgres is away"

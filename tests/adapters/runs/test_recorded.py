"""A run whose event stands has succeeded, whatever its last attempt met."""

import asyncio

import asyncpg
import pytest

from server.adapters.postgres.away import PostgresAway
from server.adapters.runs import (
    ProcessKind,
    Recorded,
    Run,
    RunBoard,
    RunFilter,
    RunOutcome,
    RunSignals,
    RunStatus,
    RunWorker,
)
from server.adapters.runs import worker as worker_module
from server.kernel.errors import Conflict, PreconditionFailed
from server.kernel.ids import Urn
from tests.adapters.runs.arrange import always, ask

KIND = ProcessKind.PUBLISH
STANDS = RunOutcome(first_position=7, last_position=8)


def by_twin(stands: RunOutcome | None, asked: list[Urn]) -> Recorded:
    """What an earlier attempt recorded; `asked` gets the runs that were asked about."""

    async def recorded(run: Run) -> RunOutcome | None:
        asked.append(run.id)
        return stands

    return recorded


@pytest.mark.parametrize("met", [PreconditionFailed("published already"), Conflict("moved"), ValueError("defect")])
async def test_whatever_an_attempt_meets_when_its_twin_was_faster(
    board: RunBoard, pool: asyncpg.Pool, signals: RunSignals, met: Exception
) -> None:
    asked: list[Urn] = []
    run = await board.start(ask(KIND))
    async with RunWorker(pool, signals, {KIND: always(met)}, recorded=by_twin(STANDS, asked)):
        ended = await board.wait(run.id, 30)
    assert (ended.status, ended.error, ended.progress) == (RunStatus.SUCCEEDED, None, 1.0)
    assert (ended.first_position, ended.last_position) == (7, 8)
    assert asked == [run.id]


async def test_a_run_that_recorded_nothing_fails_with_what_it_met(
    board: RunBoard, pool: asyncpg.Pool, signals: RunSignals
) -> None:
    asked: list[Urn] = []
    run = await board.start(ask(KIND))
    met = always(PreconditionFailed("not checked yet", status="APPENDED"))
    async with RunWorker(pool, signals, {KIND: met}, recorded=by_twin(None, asked)):
        ended = await board.wait(run.id, 30)
    assert (ended.status, ended.error_code, ended.error) == (
        RunStatus.FAILED,
        "PRECONDITION_FAILED",
        "not checked yet",
    )
    assert asked == [run.id]


async def test_a_success_is_not_asked_about(board: RunBoard, pool: asyncpg.Pool, signals: RunSignals) -> None:
    asked: list[Urn] = []
    run = await board.start(ask(KIND))
    async with RunWorker(pool, signals, {KIND: always(RunOutcome())}, recorded=by_twin(STANDS, asked)):
        ended = await board.wait(run.id, 30)
    assert (ended.first_position, asked) == (None, [])


async def test_a_run_in_which_every_worker_died_after_its_event(
    board: RunBoard, pool: asyncpg.Pool, signals: RunSignals
) -> None:
    run = await board.start(ask(KIND))
    await pool.execute("update process_run set attempt_of_run = $1", worker_module.MAX_DEATHS)
    async with RunWorker(pool, signals, {KIND: always(ValueError())}, recorded=by_twin(STANDS, [])):
        ended = await board.wait(run.id, 30)
    assert (ended.status, ended.last_position) == (RunStatus.SUCCEEDED, 8)


async def test_a_run_that_lost_postgres_each_time_after_its_event(
    board: RunBoard, pool: asyncpg.Pool, signals: RunSignals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "MAX_TRIES", 1)
    run = await board.start(ask(KIND))
    away = always(PostgresAway("Postgres is away"))
    async with RunWorker(pool, signals, {KIND: away}, recorded=by_twin(STANDS, [])):
        ended = await board.wait(run.id, 30)
    assert (ended.status, ended.last_position) == (RunStatus.SUCCEEDED, 8)


async def test_of_replays_at_once_one_is_started_and_the_others_are_refused(
    board: RunBoard, pool: asyncpg.Pool, signals: RunSignals
) -> None:
    replays = [ask(ProcessKind.REPLAY, key=f"ann|{number}", digest=bytes([number])) for number in range(8)]
    answers = await asyncio.gather(*(board.start(one) for one in replays), return_exceptions=True)
    (first,) = [answer for answer in answers if isinstance(answer, Run)]
    refused = [answer for answer in answers if isinstance(answer, PreconditionFailed)]
    assert {one.message for one in refused} == {"a replay of 'dataset:sales' is under way; wait for it to end"}
    assert (len(refused), await board.count(RunFilter())) == (7, 1)
    again = replays[answers.index(first)]
    assert await board.start(again) == first
    elsewhere = await board.start(ask(ProcessKind.REPLAY, dataset=Urn("dataset:other")))
    async with RunWorker(pool, signals, {ProcessKind.REPLAY: always(RunOutcome())}):
        for run in (first, elsewhere):
            await board.wait(run.id, 30)
    assert (await board.start(ask(ProcessKind.REPLAY))).id != first.id


async def test_the_latest_of_some_runs(board: RunBoard) -> None:
    await board.start(ask(KIND, batch="b1"))
    newer = await board.start(ask(KIND, batch="b1"))
    await board.start(ask(KIND, batch="b2"))
    assert await board.latest(RunFilter(kind=KIND, batch="B1")) == newer
    assert await board.latest(RunFilter(kind=ProcessKind.ERASE)) is None

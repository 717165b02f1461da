"""How a worker stops: no run is lost, none is done twice."""

import asyncio
from collections.abc import Callable

import asyncpg
import pytest

from server.adapters.runs import (
    ProcessKind,
    RunBoard,
    RunContext,
    RunOutcome,
    RunSignals,
    RunStatus,
    RunWorker,
    worker,
)
from tests.adapters.runs.arrange import Gate, always, ask, begun

KIND = ProcessKind.QUALITY_CHECK


async def test_stopping_lets_a_run_end(board: RunBoard, pool: asyncpg.Pool, signals: RunSignals) -> None:
    gate = Gate()
    run = await board.start(ask(KIND))
    busy = RunWorker(pool, signals, {KIND: gate}, max_concurrent=1, stop_seconds=60)
    await busy.start()
    await begun(gate)
    stopping = asyncio.create_task(busy.stop())
    later = await board.start(ask(KIND, batch="later"))
    gate.go.release()
    async with asyncio.timeout(30):
        await stopping
    assert (await board.get(run.id)).status is RunStatus.SUCCEEDED
    assert await board.get(later.id) == later


def _cancelled() -> RunOutcome:
    raise asyncio.CancelledError


def _broken_by_it() -> RunOutcome:
    raise RuntimeError("interrupted")


@pytest.mark.parametrize("ending", [_cancelled, _broken_by_it])
async def test_stopping_in_the_middle_gives_the_run_back_to_the_next_worker(
    board: RunBoard, pool: asyncpg.Pool, signals: RunSignals, ending: Callable[[], RunOutcome]
) -> None:
    began = asyncio.Event()

    async def handle(context: RunContext) -> RunOutcome:
        await context.progress(0.9, 9)
        began.set()
        try:
            return await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            return ending()

    run = await board.start(ask(KIND))
    async with RunWorker(pool, signals, {KIND: handle}, stop_seconds=0), asyncio.timeout(30):
        await began.wait()
    waiting = await board.get(run.id)
    assert (waiting.status, waiting.attempt, waiting.progress, waiting.error) == (RunStatus.QUEUED, 1, 0.0, None)
    async with RunWorker(pool, signals, {KIND: always(RunOutcome())}):
        ended = await board.wait(run.id, 30)
    assert (ended.status, ended.attempt) == (RunStatus.SUCCEEDED, 2)


async def test_a_run_that_will_not_end_is_given_back_all_the_same(
    board: RunBoard, pool: asyncpg.Pool, signals: RunSignals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "CANCEL_SECONDS", 0.1)
    began, go = asyncio.Event(), asyncio.Event()

    async def handle(context: RunContext) -> RunOutcome:
        began.set()
        while not go.is_set():
            try:
                await go.wait()
            except asyncio.CancelledError:
                continue
        return RunOutcome(first_position=1, last_position=1)

    run = await board.start(ask(KIND))
    stubborn = RunWorker(pool, signals, {KIND: handle}, stop_seconds=0)
    async with asyncio.timeout(30):
        await stubborn.start()
        await began.wait()
        await stubborn.stop()
    async with RunWorker(pool, signals, {KIND: always(RunOutcome(first_position=2, last_position=2))}):
        ended = await board.wait(run.id, 30)
    go.set()
    async with asyncio.timeout(30):
        await asyncio.gather(*stubborn._work)
    assert await board.get(run.id) == ended
    assert (ended.first_position, ended.attempt) == (2, 2)

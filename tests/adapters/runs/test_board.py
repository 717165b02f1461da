"""What the board promises to mutations, queries and subscriptions."""

import asyncio
from contextlib import aclosing
from datetime import datetime

import asyncpg
import pytest

from server.adapters.runs import (
    ProcessKind,
    Run,
    RunBoard,
    RunContext,
    RunCursor,
    RunFilter,
    RunOutcome,
    RunPage,
    RunSignals,
    RunStatus,
    RunWorker,
)
from server.kernel.errors import AlreadyExists, Conflict, InvalidData, NotFound
from server.kernel.ids import Urn
from tests.adapters.runs.arrange import SALES, always, ask, queued

DONE = always(RunOutcome())
REFUSED = always(InvalidData("no"))


async def test_a_started_run_is_queued_and_known(board: RunBoard, pool: asyncpg.Pool) -> None:
    run = await board.start(ask(batch="b1", key="ann|k", file="landing/x"))
    assert isinstance(run.created_at, datetime)
    assert run == Run(
        id=run.id,
        kind=ProcessKind.APPEND,
        status=RunStatus.QUEUED,
        dataset=SALES,
        batch_id="b1",
        actor="ann",
        correlation_id="c-1",
        payload={"file": "landing/x"},
        progress=0.0,
        rows_done=0,
        error=None,
        error_code=None,
        error_field=None,
        error_details=None,
        first_position=None,
        last_position=None,
        created_at=run.created_at,
        started_at=None,
        finished_at=None,
        attempt=0,
    )
    assert await board.get(run.id) == run
    assert await queued(pool) == 1


async def test_one_key_many_times_at_once_starts_one_run(board: RunBoard, pool: asyncpg.Pool) -> None:
    runs = await asyncio.gather(*(board.start(ask(batch="b1", key="ann|k")) for _ in range(12)))
    assert len({run.id for run in runs}) == 1
    assert await board.count(RunFilter()) == 1
    assert await queued(pool) == 1


async def test_one_key_at_once_from_two_datasets_starts_one_run_and_refuses_the_other(
    board: RunBoard, pool: asyncpg.Pool
) -> None:
    asked = [ask(batch="b1", key="ann|k", dataset=Urn(f"dataset:d{n}"), digest=bytes([n])) for n in range(6)]
    answers = await asyncio.gather(*(board.start(one) for one in asked), return_exceptions=True)
    assert [type(answer) for answer in answers].count(Run) == 1
    assert [type(answer) for answer in answers].count(Conflict) == 5
    assert await board.count(RunFilter()) == 1
    assert await queued(pool) == 1


async def test_equal_appends_without_dataset_order_meet_the_key_and_not_the_batch(board: RunBoard) -> None:
    for number in range(10):
        asked = [
            ask(batch=f"b{number}", key=f"ann|{number}", dataset=Urn(f"dataset:d{side}"), digest=b"same")
            for side in range(4)
        ]
        runs = await asyncio.gather(*(board.start(one) for one in asked))
        assert len({run.id for run in runs}) == 1


async def test_refuses_a_key_that_was_used_for_another_input(board: RunBoard, pool: asyncpg.Pool) -> None:
    await board.start(ask(batch="b1", key="ann|k", digest=b"one"))
    with pytest.raises(Conflict, match="take a new key") as refusal:
        await board.start(ask(batch="b2", key="ann|k", digest=b"two"))
    assert refusal.value.field == "idempotencyKey"
    assert await board.count(RunFilter()) == 1
    assert await queued(pool) == 1


async def test_the_key_of_a_failed_run_answers_the_failed_run(
    board: RunBoard, pool: asyncpg.Pool, signals: RunSignals
) -> None:
    started = await board.start(ask(batch="b1", key="ann|k"))
    async with RunWorker(pool, signals, {ProcessKind.APPEND: REFUSED}):
        failed = await board.wait(started.id, 30)
    assert failed.status is RunStatus.FAILED
    assert await board.start(ask(batch="b1", key="ann|k")) == failed


async def test_a_batch_id_is_taken_while_its_append_runs(board: RunBoard, pool: asyncpg.Pool) -> None:
    await board.start(ask(batch="b1"))
    with pytest.raises(AlreadyExists, match="'B1' is being appended by another run") as refusal:
        await board.start(ask(batch="B1", dataset=Urn("dataset:other")))
    assert refusal.value.field == "batchId"
    assert await board.count(RunFilter()) == 1
    assert await queued(pool) == 1


async def test_a_batch_id_is_free_again_when_its_append_has_failed(
    board: RunBoard, pool: asyncpg.Pool, signals: RunSignals
) -> None:
    first = await board.start(ask(batch="b1"))
    async with RunWorker(pool, signals, {ProcessKind.APPEND: REFUSED}):
        await board.wait(first.id, 30)
    second = await board.start(ask(batch="b1"))
    assert second.id != first.id


async def test_other_work_on_a_batch_takes_no_batch_id(board: RunBoard) -> None:
    for kind in (ProcessKind.QUALITY_CHECK, ProcessKind.QUALITY_CHECK, ProcessKind.PUBLISH, ProcessKind.APPEND):
        await board.start(ask(kind, batch="b1"))
    assert await board.count(RunFilter(batch="B1")) == 4


async def test_wait_returns_when_the_run_ends(board: RunBoard, pool: asyncpg.Pool, signals: RunSignals) -> None:
    run = await board.start(ask())
    waiting = asyncio.create_task(board.wait(run.id, 3600))
    async with RunWorker(pool, signals, {ProcessKind.APPEND: DONE}), asyncio.timeout(30):
        assert (await waiting).status is RunStatus.SUCCEEDED


async def test_wait_returns_the_run_as_it_stands_when_the_time_is_over(board: RunBoard) -> None:
    run = await board.start(ask())
    assert await board.wait(run.id, 0) == run
    assert await board.wait(run.id, 0.02) == run


async def test_changes_shows_a_run_from_queue_to_end(board: RunBoard, pool: asyncpg.Pool, signals: RunSignals) -> None:
    go, seen = asyncio.Event(), asyncio.Event()

    async def handle(context: RunContext) -> RunOutcome:
        await go.wait()
        await context.progress(0.5, 21)
        await seen.wait()
        return RunOutcome(first_position=7, last_position=8)

    run = await board.start(ask())
    shown: list[tuple[RunStatus, float, int]] = []
    worker = RunWorker(pool, signals, {ProcessKind.APPEND: handle})
    async with asyncio.timeout(30), aclosing(board.changes(run.id)) as changes:
        async for state in changes:
            shown.append((state.status, state.progress, state.rows_done))
            match shown[-1]:
                case (RunStatus.QUEUED, _, _):
                    await worker.start()
                case (RunStatus.RUNNING, 0.0, _):
                    go.set()
                case (RunStatus.RUNNING, _, _):
                    seen.set()
    await worker.stop()
    assert shown == [
        (RunStatus.QUEUED, 0.0, 0),
        (RunStatus.RUNNING, 0.0, 0),
        (RunStatus.RUNNING, 0.5, 21),
        (RunStatus.SUCCEEDED, 1.0, 21),
    ]


async def test_changes_of_a_finished_run_is_its_end_alone(
    board: RunBoard, pool: asyncpg.Pool, signals: RunSignals
) -> None:
    run = await board.start(ask())
    async with RunWorker(pool, signals, {ProcessKind.APPEND: DONE}):
        ended = await board.wait(run.id, 30)
    assert [state async for state in board.changes(run.id)] == [ended]


@pytest.mark.parametrize("run", ["run:6b1d9b1e-7d8e-4d0c-9f0e-3c1d5a1c2b3d", "run:nonsense", "", "run:\0"])
async def test_an_unknown_run_is_not_found(board: RunBoard, run: str) -> None:
    with pytest.raises(NotFound, match="is not known"):
        await board.get(Urn(run))
    with pytest.raises(NotFound):
        await board.wait(Urn(run), 0)
    with pytest.raises(NotFound):
        await anext(board.changes(Urn(run)))


async def test_pages_hold_every_run_once_oldest_first(board: RunBoard) -> None:
    started = [(await board.start(ask())).id for _ in range(7)]
    listed: list[Urn] = []
    after, sizes = None, []
    while True:
        page = await board.list(RunFilter(), first=3, after=after)
        listed += [run.id for run in page.runs]
        sizes.append((len(page.runs), page.has_more))
        if not page.has_more:
            break
        after = RunCursor(created_at=page.runs[-1].created_at, id=page.runs[-1].id)
    assert listed == started
    assert sizes == [(3, True), (3, True), (1, False)]
    assert (await board.list(RunFilter(), first=7)).has_more is False
    assert await board.list(RunFilter(), first=0) == RunPage(runs=(), has_more=True)


async def test_a_filter_lists_and_counts_what_matches_all_of_it(
    board: RunBoard, pool: asyncpg.Pool, signals: RunSignals
) -> None:
    other = Urn("dataset:other")
    append = await board.start(ask(batch="b1"))
    async with RunWorker(pool, signals, {ProcessKind.APPEND: DONE}):
        await board.wait(append.id, 30)
    check = await board.start(ask(ProcessKind.QUALITY_CHECK, batch="B1"))
    replay = await board.start(ask(ProcessKind.REPLAY, dataset=other))
    emulation = await board.start(ask(ProcessKind.EMULATE, dataset=None))
    expected = {
        RunFilter(): [append, check, replay, emulation],
        RunFilter(kind=ProcessKind.REPLAY): [replay],
        RunFilter(status=RunStatus.QUEUED): [check, replay, emulation],
        RunFilter(status=RunStatus.SUCCEEDED): [append],
        RunFilter(dataset=SALES): [append, check],
        RunFilter(batch="b1"): [append, check],
        RunFilter(batch="b1", status=RunStatus.QUEUED): [check],
        RunFilter(batch="b1", dataset=other): [],
    }
    for only, runs in expected.items():
        page = await board.list(only, first=10)
        assert [run.id for run in page.runs] == [run.id for run in runs], only
        assert await board.count(only) == len(runs), only

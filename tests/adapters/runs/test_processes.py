"""Workers in processes of their own, and what happens when one is killed or stands still."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator

import asyncpg
import pytest

from server.adapters.runs import Run, RunBoard, RunStatus
from server.adapters.runs.run import run_uuid
from tests.adapters.runs.arrange import ask, queued

Process = asyncio.subprocess.Process
SECONDS = 60


@pytest.fixture
async def visits(pool: asyncpg.Pool) -> AsyncIterator["asyncio.Queue[int]"]:
    """The process of each visit of a handler, as it begins."""
    await pool.execute("create table visit (run uuid, process int, attempt int)")
    seen: asyncio.Queue[int] = asyncio.Queue()

    def heard(_connection: object, _pid: int, _channel: str, payload: object) -> None:
        seen.put_nowait(int(str(payload)))

    async with pool.acquire() as connection:
        await connection.add_listener("visits", heard)
        yield seen
        await connection.remove_listener("visits", heard)


class Crew:
    """Worker processes; those that still live are killed in the end."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._processes: list[Process] = []

    async def hire(self, heartbeat_timeout: float) -> Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.adapters.runs.process",
            self._dsn,
            str(heartbeat_timeout),
            stderr=asyncio.subprocess.PIPE,
        )
        self._processes.append(process)
        return process

    async def dismiss(self) -> None:
        for process in self._processes:
            if process.returncode is None:
                process.kill()
            await process.communicate()


@pytest.fixture
async def crew(database_url: str) -> AsyncIterator[Crew]:
    """Starts worker processes on the database."""
    crew = Crew(database_url)
    yield crew
    await crew.dismiss()


async def history(pool: asyncpg.Pool, run: Run) -> list[tuple[int, int]]:
    """The attempts at a run, each with its process."""
    rows = await pool.fetch("select attempt, process from visit where run = $1 order by attempt", run_uuid(run.id))
    return [(row["attempt"], row["process"]) for row in rows]


async def test_two_processes_share_a_queue_and_do_each_run_once(
    board: RunBoard, pool: asyncpg.Pool, visits: "asyncio.Queue[int]", crew: Crew
) -> None:
    runs = [await board.start(ask(batch=f"b{number}")) for number in range(30)]
    for _ in range(2):
        await crew.hire(30)
    ended = [await board.wait(run.id, SECONDS) for run in runs]
    assert [(run.status, run.attempt) for run in ended] == [(RunStatus.SUCCEEDED, 1)] * 30
    assert await pool.fetchval("select count(*) from visit") == 30
    assert await pool.fetchval("select count(distinct run) from visit") == 30
    assert await queued(pool) == 0


async def test_a_run_of_a_killed_process_is_done_once_by_the_other(
    board: RunBoard, pool: asyncpg.Pool, visits: "asyncio.Queue[int]", crew: Crew
) -> None:
    run = await board.start(ask(batch="b1", stay=True))
    killed = await crew.hire(30)
    async with asyncio.timeout(SECONDS):
        assert await visits.get() == killed.pid
    other = await crew.hire(30)
    killed.kill()
    ended = await board.wait(run.id, SECONDS)
    assert (ended.status, ended.attempt, ended.first_position) == (RunStatus.SUCCEEDED, 2, other.pid)
    assert await history(pool, run) == [(1, killed.pid), (2, other.pid)]
    assert await queued(pool) == 0


async def test_a_process_that_stood_still_too_long_cannot_end_its_run(
    board: RunBoard, pool: asyncpg.Pool, visits: "asyncio.Queue[int]", crew: Crew
) -> None:
    run = await board.start(ask(batch="b1", stay=True))
    still = await crew.hire(3)
    async with asyncio.timeout(SECONDS):
        assert await visits.get() == still.pid
    still.send_signal(signal.SIGSTOP)
    other = await crew.hire(3)
    ended = await board.wait(run.id, SECONDS)
    assert (ended.status, ended.attempt, ended.first_position) == (RunStatus.SUCCEEDED, 2, other.pid)

    still.send_signal(signal.SIGCONT)
    still.terminate()
    async with asyncio.timeout(SECONDS):
        _, said = await still.communicate()
    assert still.returncode == 0
    assert f"{run.id} was taken over by another worker" in said.decode()
    assert await board.get(run.id) == ended


async def test_a_process_that_is_told_to_stop_gives_its_run_back(
    board: RunBoard, pool: asyncpg.Pool, visits: "asyncio.Queue[int]", crew: Crew
) -> None:
    run = await board.start(ask(batch="b1", stay=True))
    stopped = await crew.hire(30)
    async with asyncio.timeout(SECONDS):
        assert await visits.get() == stopped.pid
        stopped.terminate()
        assert await stopped.wait() == 0
    assert (await board.get(run.id)).status is RunStatus.QUEUED
    other = await crew.hire(30)
    ended = await board.wait(run.id, SECONDS)
    assert (ended.status, ended.attempt, ended.first_position) == (RunStatus.SUCCEEDED, 2, other.pid)

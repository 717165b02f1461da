"""The schedule: what a failing job, a busy neighbour and an end of the server do to it."""

import asyncio
import logging
from collections import Counter
from typing import cast

import asyncpg
import pytest

from server.jobs import NAMES, Done, Jobs
from server.schedule import look, schedule


class Told(Jobs):
    """Jobs that only tell that they were asked, and fail where they shall."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.fault = fault
        self.asked: Counter[str] = Counter()
        self.again = asyncio.Event()

    async def do(self, name: str, at: object = None) -> Done:
        self.asked[name] += 1
        if min(self.asked[one] for one in NAMES) > 1:
            self.again.set()
        if self.fault is not None:
            raise self.fault
        return Done(told="")


async def test_does_every_job_again_and_again_until_it_ends() -> None:
    jobs = Told()
    async with schedule(jobs, 0.01), asyncio.timeout(30):
        await jobs.again.wait()
    after = jobs.asked.copy()
    await asyncio.sleep(0)
    assert jobs.asked == after
    assert set(after) == set(NAMES)


async def test_a_job_that_fails_is_logged_and_has_its_next_turn(caplog: pytest.LogCaptureFixture) -> None:
    jobs = Told(ValueError("defect"))
    async with schedule(jobs, 0.01), asyncio.timeout(30):
        await jobs.again.wait()
    assert {record.levelno for record in caplog.records} == {logging.ERROR}
    assert "job sweep failed; its next turn tries again" in caplog.messages


async def test_postgres_away_is_a_warning_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    await look(Told(ConnectionResetError("cut")), "sweep")
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.WARNING, "job sweep waits for its next turn: ConnectionResetError")
    ]
    assert caplog.records[0].exc_info is None


async def test_a_job_is_done_in_one_place_at_a_time(database_url: str) -> None:
    inside, most = 0, 0

    class Slow:
        async def sweep(self) -> None: ...

        async def due(self) -> list[str]:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1
            return []

    class Parts:
        compaction = Slow()

    async with (
        asyncpg.create_pool(database_url, min_size=1, max_size=4) as one,
        asyncpg.create_pool(database_url, min_size=1, max_size=4) as other,
    ):
        places = [Jobs(pool, cast("Jobs", Parts())) for pool in (one, other)]  # type: ignore[arg-type]
        done = await asyncio.gather(*(jobs.do("compact") for jobs in places * 3))
    assert done == [Done(told="datasets to compact: 0")] * 6
    assert most == 1

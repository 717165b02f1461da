"""A worker in a process of its own: `python -m tests.adapters.runs.process <address> <heartbeat timeout>`.

It writes each visit of its handler to the table `visit`, and a run with `stay` stays in its first attempt.
"""

import asyncio
import logging
import os
import signal
import sys

import asyncpg

from server.adapters.runs import ProcessKind, RunContext, RunOutcome, RunSignals, RunWorker
from server.adapters.runs.run import run_uuid


async def main(dsn: str, heartbeat_timeout: float) -> None:
    """Work until SIGTERM."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)

    async with asyncpg.create_pool(dsn, min_size=1, max_size=4) as pool, RunSignals(dsn) as signals:

        async def handle(context: RunContext) -> RunOutcome:
            run = context.run
            await pool.execute("insert into visit values ($1, $2, $3)", run_uuid(run.id), os.getpid(), run.attempt)
            await pool.execute("select pg_notify('visits', $1::int::text)", os.getpid())
            if run.payload.get("stay") and run.attempt == 1:
                await asyncio.get_running_loop().create_future()
            return RunOutcome(first_position=os.getpid(), last_position=os.getpid())

        async with RunWorker(
            pool, signals, {ProcessKind.APPEND: handle}, heartbeat_timeout=heartbeat_timeout, stop_seconds=1
        ):
            await ended.wait()


logging.basicConfig(level=logging.INFO)
asyncio.run(main(sys.argv[1], float(sys.argv[2])))

"""Pacing: how fast clients that wait for their answers get something done, and what it costs."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeAlias

import mutation
import psutil
import uvloop

CLIENTS = 32
WARM = 10  # commands of each client before the clock starts


class Pace(NamedTuple):
    """Commands a second, and processor microseconds for each of them."""

    rate: float
    python: float
    postgres: float


# Does one thing once; its number is new each time.
Once: TypeAlias = Callable[[int], Awaitable[object]]
_numbers = itertools.count(1)


class Meter:
    """Time, and processor time of this process and of Postgres, between `start` and `stop`."""

    def __init__(self, postgres: psutil.Process) -> None:
        self._postgres = postgres
        self._begun = self._read()

    def _read(self) -> tuple[float, float, float]:
        return time.perf_counter(), time.process_time(), mutation.processor_seconds(self._postgres)

    def start(self) -> None:
        """Count from now on."""
        self._begun = self._read()

    def stop(self, commands: int) -> Pace:
        """What `commands` took since the start."""
        wall, ours, theirs = (after - before for before, after in zip(self._begun, self._read(), strict=True))
        return Pace(commands / wall, 1e6 * ours / commands, 1e6 * theirs / commands)


async def paced(meter: Meter, once: Once, commands: int, clients: int) -> Pace:
    """How fast `clients` that wait for their answers get it done, once all is warm."""

    async def client(share: int) -> None:
        for _ in range(share):
            await once(next(_numbers))

    await asyncio.gather(*(client(WARM) for _ in range(clients)))
    share = commands // clients
    meter.start()
    await asyncio.gather(*(client(share) for _ in range(clients)))
    return meter.stop(share * clients)


def run(work: Callable[[], Awaitable[Pace]]) -> Pace:
    """What the coroutine answers, on the loop that the server uses."""

    async def main() -> Pace:
        return await work()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())

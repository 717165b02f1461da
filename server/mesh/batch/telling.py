"""Telling how far a run is while the engine works on its files."""

import asyncio

from server.adapters.engine.ingest.job import Progress
from server.adapters.engine.steps import Steps
from server.adapters.runs import RunContext
from server.kernel.record import record

READING = 0.95  # of the work on a file that is read; what follows its reading is not seen
WORKING = 0.98  # of any other work; what follows is the way into storage and the append


@record
class Part:
    """A stretch of a run: from one share of it to another, with so many rows done before."""

    context: RunContext
    start: float = 0.0
    end: float = 1.0
    rows_before: int = 0

    def reading(self) -> Progress:
        """A callback for the engine's threads while a file is read."""
        loop = asyncio.get_running_loop()

        def progress(rows: int, share: float) -> None:
            self._tell(loop, READING * share, rows)

        return progress

    def steps(self, rows: int = 0) -> Steps:
        """What hears of work on so many rows that are not counted yet."""
        loop = asyncio.get_running_loop()
        return Steps(lambda share: self._tell(loop, WORKING * share, round(rows * share)))

    def after(self, done: float, *, of: float, rows: int = 0) -> "Part":
        """The stretch from `done` of it on that takes another share `of` it, where `rows` more are done."""
        length = self.end - self.start
        start = self.start + done * length
        return Part(context=self.context, start=start, end=start + of * length, rows_before=self.rows_before + rows)

    def _tell(self, loop: asyncio.AbstractEventLoop, share: float, rows: int) -> None:
        fraction = self.start + (self.end - self.start) * share
        asyncio.run_coroutine_threadsafe(self.context.progress(fraction, self.rows_before + rows), loop)


async def told_all(context: RunContext, rows: int) -> None:
    """The work on the files is done."""
    await context.progress(1.0, rows)

"""What a handler is given and what it gives: the run to do, a way to say how far it is, the events it recorded."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from server.adapters.runs.run import Run
from server.kernel.record import record


@record
class RunOutcome:
    """What a run did: the positions of the first and the last event that it recorded."""

    first_position: int | None = None
    last_position: int | None = None


class RunContext:
    """One attempt at a run. It may be the second one: a handler does its work so that twice is once."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.fraction = 0.0
        self.rows_done = 0
        self._news = False

    async def progress(self, fraction: float, rows_done: int) -> None:
        """Say how far the run is, 0 to 1. Costs nothing: the worker writes the latest word a few times a second.

        It never goes back: of what was said out of order, the furthest counts.
        """
        assert 0 <= fraction <= 1, f"progress goes from 0 to 1, not to {fraction}"
        furthest = max(fraction, self.fraction), max(rows_done, self.rows_done)
        self._news = self._news or furthest != (self.fraction, self.rows_done)
        self.fraction, self.rows_done = furthest

    def take_news(self) -> bool:
        """Whether something was said since the last call."""
        news, self._news = self._news, False
        return news


# Raises Refused where the run cannot be done. Cancelled where the worker stops: it then runs again, from the start.
Handler: TypeAlias = Callable[[RunContext], Awaitable[RunOutcome]]

# What an earlier attempt at the run recorded to its end; None where it did not. Asked before a run is told failed.
Recorded: TypeAlias = Callable[[Run], Awaitable[RunOutcome | None]]


async def nothing_recorded(_: Run) -> None:
    """Nobody can tell: what an attempt came to is what counts."""

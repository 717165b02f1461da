"""Answers about the whole graph, kept while they are true: each computed once, however many ask for it at a time."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from typing import Any, TypeVar, cast

T = TypeVar("T")

KEPT = 16  # a few questions, about now and about some moments of the past


class StillComputing(Exception):
    """The answer did not come in the time that its asker waits; it goes on being computed."""


class KeptAnswers:
    """The latest answers by what they depend on. Belongs to one event loop.

    `lasting`: failures that would come again, and are kept as answers are.
    """

    def __init__(self, *, lasting: type[Exception], kept: int = KEPT) -> None:
        self._lasting = lasting
        self._kept = kept
        self._answers: OrderedDict[Hashable, asyncio.Task[Any]] = OrderedDict()  # each of its question's type
        self._running: set[asyncio.Task[Any]] = set()

    async def of(self, key: Hashable, compute: Callable[[], Awaitable[T]], *, seconds: float) -> T:
        """What `compute` answers for the key, or what it answered before.

        Who goes before it is there leaves it to those who stay, and to the next. Raises: StillComputing.
        """
        task = cast("asyncio.Task[T] | None", self._answers.get(key))
        if task is None:
            task = asyncio.ensure_future(_awaited(compute))
            self._answers[key] = task
            self._running.add(task)
            task.add_done_callback(partial(self._done, key))
        self._answers.move_to_end(key)
        while len(self._answers) > self._kept:
            self._answers.popitem(last=False)
        await asyncio.wait([task], timeout=seconds)
        if not task.done():
            raise StillComputing
        return task.result()

    def forget(self) -> None:
        """Keep no answer; who waits for one still gets it."""
        self._answers.clear()

    async def stop(self) -> None:
        """End what is being computed."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _done(self, key: Hashable, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        failure = asyncio.CancelledError() if task.cancelled() else task.exception()
        if failure is None or isinstance(failure, self._lasting):
            return
        if self._answers.get(key) is task:
            del self._answers[key]


async def _awaited(compute: Callable[[], Awaitable[T]]) -> T:
    return await compute()

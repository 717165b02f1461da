"""The time that an operation may take, waits that the caller asked for aside."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from strawberry.extensions import SchemaExtension

from server.http.graphql.limits import Limits
from server.kernel.errors import TimedOut


class Deadline:
    """Seconds left to one operation; starts to run when the operation is executed."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._timeout: asyncio.Timeout | None = None

    def extend(self, seconds: float) -> None:
        """Allow `seconds` more, as for a mutation that waits as long as its caller asked."""
        self.seconds += seconds
        if self._timeout is None or self._timeout.expired():
            return
        when = self._timeout.when()
        if when is not None:
            self._timeout.reschedule(when + seconds)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Cancel the block when the time is over.

        Raises: TimedOut.
        """
        try:
            async with asyncio.timeout(self.seconds) as self._timeout:
                yield
        except TimeoutError:
            if self._timeout is None or not self._timeout.expired():
                raise  # somebody else's timeout, inside a resolver
            message = f"the operation did not end within {self.seconds:g} seconds; ask for less at once"
            raise TimedOut(message) from None
        finally:
            self._timeout = None


class Deadlines(SchemaExtension):
    """Runs each operation under the deadline of its context, or under one of its own.

    A subscription is bounded until its stream stands, not while it streams.
    """

    def __init__(self, limits: Limits, **_: Any) -> None:  # Strawberry's own keywords
        self.limits = limits

    async def on_execute(self) -> AsyncGenerator[None]:
        deadline: object = getattr(self.execution_context.context, "deadline", None)
        if not isinstance(deadline, Deadline):
            deadline = Deadline(self.limits.timeout_seconds)
        async with deadline.running():
            yield

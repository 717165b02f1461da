"""The worker: takes runs from the queue, lets handlers do them, keeps its hold on them, stops without losing one."""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum, auto
from typing import Self

import asyncpg

from server.adapters.postgres.away import unavailable
from server.adapters.runs.claims import Claim, ClaimLost, Claims, Progress
from server.adapters.runs.context import Handler, Recorded, RunContext, RunOutcome, nothing_recorded
from server.adapters.runs.run import ProcessKind
from server.adapters.runs.signals import DATABASE_AWAY, RunSignals, woken
from server.adapters.runs.verdict import DiedTooOften, success, verdict_of
from server.kernel.ids import Urn

logger = logging.getLogger(__name__)

POLL_SECONDS = 2.0  # how late a run starts at most when its notification was lost
PROGRESS_SECONDS = 0.25
MAX_TRIES = 5  # before a run that finds Postgres away each time is told so
MAX_DEATHS = 5  # workers lost in one run before it is given up
RETRY_SECONDS = (0.1, 0.5, 2.0)  # pauses before the end of a run is written again
CANCEL_SECONDS = 5.0  # what a handler has to end in once it was cancelled


class _Hold(Enum):
    OURS = auto()
    STOPPING = auto()
    LOST = auto()


@dataclass
class _Held:
    """A run that is being done here."""

    claim: Claim
    context: RunContext
    handler: "asyncio.Task[RunOutcome]"
    hold: _Hold = _Hold.OURS

    def cut(self, hold: _Hold) -> None:
        self.hold = hold
        self.handler.cancel()


class RunWorker:
    """Does the runs of the kinds that it has handlers for, at most `max_concurrent` at once.

    A run whose worker is silent for `heartbeat_timeout` seconds is taken over; for a tenth of that, where the worker's
    session is gone too. `stop` waits `stop_seconds` for the runs under way before it gives them back.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        signals: RunSignals,
        handlers: Mapping[ProcessKind, Handler],
        *,
        recorded: Recorded = nothing_recorded,
        max_concurrent: int = 2,
        heartbeat_timeout: float = 30.0,
        stop_seconds: float = 20.0,
    ) -> None:
        self._signals = signals
        self._handlers = dict(handlers)
        self._recorded = recorded
        self._max_concurrent = max_concurrent
        self._beat_seconds = heartbeat_timeout / 30
        self._silent_seconds = heartbeat_timeout / 10
        self._stop_seconds = stop_seconds
        self._id = uuid.uuid4()
        self._claims = Claims(pool, self._id, handlers, heartbeat_timeout)
        self._held: dict[Urn, _Held] = {}
        self._work: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._stopping = False
        self._loops: list[asyncio.Task[None]] = []
        self._ears = ExitStack()

    async def start(self) -> None:
        """Take runs from now on."""
        await self._signals.hold(self._id)
        self._ears.enter_context(self._signals.heed(self._heard))
        self._loops = [
            asyncio.create_task(self._serve(), name="run-worker"),
            asyncio.create_task(self._keep_hold(), name="run-heartbeat"),
        ]
        for loop in self._loops:
            loop.add_done_callback(_report)

    async def stop(self) -> None:
        """Take no more; let what runs end, give back what does not end in time."""
        if not self._loops:
            return
        self._stopping = True
        self._wake.set()
        serving, holding = self._loops
        await asyncio.wait({serving}, timeout=CANCEL_SECONDS)
        serving.cancel()
        await self._let_end(self._stop_seconds)
        for held in self._held.values():
            held.cut(_Hold.STOPPING)
        await self._let_end(CANCEL_SECONDS)
        for held in list(self._held.values()):
            logger.warning("%s does not end; it is given back while it still runs here", held.claim.run.id)
            await self._end(held)
        holding.cancel()
        await asyncio.gather(serving, holding, return_exceptions=True)
        self._ears.close()
        await self._signals.let_go(self._id)
        self._loops = []

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def _heard(self, run: Urn | None) -> None:
        if run not in self._held:  # what happens to our own runs makes nothing new to do
            self._wake.set()

    async def _let_end(self, seconds: float) -> None:
        if self._work:
            await asyncio.wait(self._work, timeout=seconds)

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        look_for_dead = loop.time()
        while not self._stopping:
            self._wake.clear()  # before the look, or a run waits for the next poll
            try:
                if loop.time() >= look_for_dead:
                    await self._claims.disown_dead(self._silent_seconds)
                    look_for_dead = loop.time() + min(POLL_SECONDS, self._silent_seconds)
                free = self._max_concurrent - len(self._held)
                claims = await self._claims.take(free, self._held) if free > 0 else []
            except DATABASE_AWAY as error:
                logger.warning("cannot take runs (%s); tried again until Postgres is back", error)
                claims = []
            for claim in claims:
                self._begin(claim)
            if not claims:
                await woken(self._wake, min(POLL_SECONDS, self._silent_seconds))

    def _begin(self, claim: Claim) -> None:
        context = RunContext(claim.run)
        handler = self._handlers[claim.run.kind]

        async def handle() -> RunOutcome:
            if claim.deaths >= MAX_DEATHS:
                raise DiedTooOften(f"{claim.deaths} workers died in it")
            return await handler(context)

        held = _Held(claim=claim, context=context, handler=asyncio.create_task(handle(), name=claim.run.id))
        self._held[claim.run.id] = held
        work = asyncio.create_task(self._do(held))
        self._work.add(work)
        work.add_done_callback(self._work.discard)

    async def _do(self, held: _Held) -> None:
        await asyncio.wait({held.handler})
        await self._end(held)

    async def _end(self, held: _Held) -> None:
        """Write how the run ended here. What cannot be written is done again once the heartbeats have stopped."""
        run = held.claim.run.id
        try:
            match held.hold:
                case _Hold.LOST:
                    logger.warning("%s was taken over by another worker", run)
                case _Hold.STOPPING if not _succeeded(held.handler):
                    await _insist(lambda: self._claims.give_back(held.claim))
                case _ if _interrupted(held):
                    logger.warning("%s was interrupted: Postgres was away; it is done again", run)
                    await asyncio.sleep(held.claim.run.attempt)  # a second more each time
                    await _insist(lambda: self._claims.give_back(held.claim))
                case _:
                    await _insist(lambda: self._settle(held))
        except ClaimLost:
            logger.warning("%s was taken over by another worker; what this one did does not count", run)
        except DATABASE_AWAY as error:
            logger.warning("the end of %s cannot be written (%s); it is done again", run, error)
        finally:
            self._held.pop(run, None)
            self._wake.set()

    async def _settle(self, held: _Held) -> None:
        """A run whose event stands has succeeded, whatever this attempt at it met."""
        stands = None if _succeeded(held.handler) else await self._recorded(held.claim.run)
        verdict = verdict_of(held.context, held.handler) if stands is None else success(held.context, stands)
        await self._claims.settle(held.claim, verdict)

    async def _keep_hold(self) -> None:
        loop = asyncio.get_running_loop()
        next_beat = loop.time()
        while True:
            await asyncio.sleep(min(PROGRESS_SECONDS, self._beat_seconds))
            if not self._held:
                continue
            try:
                await self._write_progress()
                if loop.time() >= next_beat:
                    next_beat = loop.time() + self._beat_seconds
                    await self._beat()
            except DATABASE_AWAY as error:
                logger.warning("no heartbeat (%s)", error)

    async def _write_progress(self) -> None:
        news = [
            Progress(
                run=held.claim.run.id,
                attempt=held.claim.run.attempt,
                fraction=held.context.fraction,
                rows_done=held.context.rows_done,
            )
            for held in self._held.values()
            if held.context.take_news()
        ]
        if news:
            await self._claims.write_progress(news)

    async def _beat(self) -> None:
        asked = list(self._held.values())
        ours = await self._claims.beat([held.claim for held in asked])
        for held in asked:
            if held.claim.run.id not in ours and not held.handler.done():
                held.cut(_Hold.LOST)


def _interrupted(held: _Held) -> bool:
    """Whether the handler failed because Postgres was away, and not too often yet."""
    if held.claim.run.attempt >= MAX_TRIES or held.handler.cancelled():
        return False
    fault = held.handler.exception()
    return fault is not None and unavailable(fault) is not None


def _succeeded(handler: "asyncio.Task[RunOutcome]") -> bool:
    return handler.done() and not handler.cancelled() and handler.exception() is None


async def _insist(write: Callable[[], Awaitable[None]]) -> None:
    for pause in RETRY_SECONDS:
        try:
            return await write()
        except DATABASE_AWAY:
            await asyncio.sleep(pause)
    return await write()


def _report(loop: "asyncio.Task[None]") -> None:
    if not loop.cancelled() and (fault := loop.exception()) is not None:
        logger.critical("%s has ended: this process does no more runs", loop.get_name(), exc_info=fault)

"""The one road of every change: load, decide, append; again where somebody was faster."""

import random
from asyncio import sleep
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias, TypeVar

import asyncpg

from server.adapters.store.aggregate import MAX_TRIES, Aggregate, Loaded
from server.adapters.store.append import MUST_EXIST, Append, Check, NewEvent, Outcome, Result, StreamCheck
from server.adapters.store.snapshots import Snapshots
from server.adapters.store.streams import Streams
from server.adapters.store.writer import Writer
from server.kernel.codec import Codec
from server.kernel.errors import AlreadyExists, Conflict, Refused
from server.kernel.ids import Urn
from server.kernel.intent import Intent
from server.kernel.record import record

C = TypeVar("C")
E = TypeVar("E")
S = TypeVar("S")

# What things belong to, whom events about them concern too.
Owners: TypeAlias = Callable[[Collection[Urn]], Awaitable[Mapping[Urn, Sequence[Urn]]]]

# Runs keep their keys with them; one key stands for one input, whether it started a run or not.
_ANSWERED_SQL = """
select input, first, last, at from commands where key = $1
union all
select input_digest, null, null, created_at from process_run where command_key = $1
limit 1
"""


@record
class Receipt:
    """Where a command's events stand: `first` to `last`, both None where it recorded none.

    `position` is where to read the answer: `last`, or the head for a command without events.
    """

    first: int | None
    last: int | None
    position: int


@record
class Decision:
    """What an attempt came to: the versions that it rests on and the events that it wants recorded."""

    checks: tuple[Check, ...]
    events: tuple[NewEvent, ...]


class Commands:
    """Runs commands against their streams."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        writer: Writer,
        codec: Codec,
        snapshots: Snapshots,
        owners: Owners | None = None,
    ) -> None:
        self._pool = pool
        self._writer = writer
        self._codec = codec
        self._snapshots = snapshots
        self._streams = Streams(pool)
        self._owners = owners

    async def load(self, aggregate: Aggregate[C, E, S], stream: Urn) -> Loaded[S]:
        """The stream's state from its snapshot and the events after it."""
        rows = await self._streams.rows(stream, aggregate.shape)
        if not rows:
            return Loaded(stream, 0, aggregate.decider.initial)
        state = aggregate.decider.initial
        for row in rows:
            if row["type"] is None:
                state = aggregate.state.validate_json(row["data"])
            elif row["type"] not in aggregate.beside:
                event: Any = self._codec.decode(row["type"], row["shape"], row["data"].encode())  # the stream's E
                state = aggregate.decider.evolve(state, event)
        loaded = Loaded(Urn(rows[-1]["stream"]), rows[-1]["version"], state)
        self._snapshots.folded(aggregate, loaded, sum(row["type"] is not None for row in rows))
        return loaded

    async def execute(
        self,
        aggregate: Aggregate[C, E, S],
        stream: Urn,
        command: C,
        intent: Intent,
        *,
        guards: Sequence[Check] = (),
        about: tuple[Urn, ...] = (),
        expected: int | None = None,
    ) -> Receipt:
        """One command on one stream. `guards`: other streams that must still stand as they were read.

        `about`: things that its events concern besides those that the state names.
        Raises: Refused; Conflict where `expected` differs from the stream's version.
        """

        async def attempt() -> Decision:
            loaded = await self.load(aggregate, stream)
            if expected is not None and loaded.version not in (0, expected):
                raise version_differs(loaded, expected)
            decision = decide(aggregate, stream, loaded, command, about)
            self._snapshots.note(aggregate, loaded, [new.event for new in decision.events])
            return Decision(checks=(*decision.checks, *guards), events=decision.events)

        return await self.perform(intent, attempt, tries=aggregate.tries)

    async def perform(
        self, intent: Intent, attempt: Callable[[], Awaitable[Decision]], *, tries: int = MAX_TRIES
    ) -> Receipt:
        """Append what `attempt` decides; decide again where a stream moved meanwhile. Raises: Refused."""
        if (seen := await self.answered(intent)) is not None:
            return seen
        moved: str | None = None
        for number in range(tries):
            try:
                decision = await attempt()
            except Refused:
                if (seen := await self.answered(intent)) is not None:  # its twin was faster
                    return seen
                raise
            events = await self._addressed(decision.events)
            append = Append(intent=intent, checks=decision.checks, events=events)
            result = await self._writer.submit(append)
            if result.outcome is not Outcome.CONFLICT:
                return await self._receipt(intent, result)
            moved = result.stream
            await sleep(random.uniform(0, 0.002) * 2 ** min(number, MAX_TRIES))  # noqa: S311  # jitter, not a secret
        raise Conflict(f"{moved} changed {tries} times while this was decided; try again")

    async def note(self, intent: Intent, events: tuple[NewEvent, ...]) -> Result:
        """Append what decides nothing to streams that exist; what the events are about stands as it is given."""
        streams = dict.fromkeys(new.stream for new in events)
        checks = tuple(StreamCheck(stream=stream, version=MUST_EXIST) for stream in streams)
        return await self._writer.submit(Append(intent=intent, checks=checks, events=events))

    async def keep(self, aggregate: Aggregate[C, E, S], stream: Urn) -> None:
        """Fold a stream that grew without anybody who loaded it: its state is kept, and later loads are short."""
        await self.load(aggregate, stream)

    async def answered(self, intent: Intent) -> Receipt | None:
        """The answer that this key has already. Raises: Conflict where it was given for another input."""
        if not intent.keyed:
            return None
        row = await self._pool.fetchrow(_ANSWERED_SQL, intent.key)
        if row is None:
            return None
        outcome = Outcome.DUPLICATE if row["input"] == intent.digest else Outcome.KEY_REUSED
        result = Result(outcome=outcome, first=row["first"], last=row["last"], at=row["at"], stream=None, actual=None)
        return await self._receipt(intent, result)

    async def _addressed(self, events: tuple[NewEvent, ...]) -> tuple[NewEvent, ...]:
        """The events, about the owners of the things that they are about too."""
        things = {thing for new in events for thing in new.about}
        if self._owners is None or not things:
            return events
        owners = await self._owners(things)
        return tuple(
            replace(new, about=tuple(dict.fromkeys((*new.about, *(o for t in new.about for o in owners.get(t, ()))))))
            for new in events
        )

    async def _receipt(self, intent: Intent, result: Result) -> Receipt:
        if result.outcome is Outcome.KEY_REUSED:
            raise Conflict(
                f"idempotency key {intent.key.partition('|')[2]!r} was used for another input;"
                " take a new key for a new command",
                field="idempotencyKey",
            )
        position = result.last
        if position is None:
            position = int(await self._pool.fetchval("select position from event_head"))
        return Receipt(first=result.first, last=result.last, position=position)


def decide(
    aggregate: Aggregate[C, E, S], stream: Urn, loaded: Loaded[S], command: C, about: tuple[Urn, ...] = ()
) -> Decision:
    """The decision of one aggregate on a command.

    A stream that exists under another spelling of its name is unknown to commands on it, and taken for commands
    that would create it.
    """
    decider = aggregate.decider
    if loaded.stream != stream:
        decider.decide(command, decider.initial)
        raise AlreadyExists(f"{stream!r} differs from {loaded.stream!r} only by case; choose another name")
    events = decider.decide(command, loaded.state)
    things = tuple(dict.fromkeys((*decider.about(decider.fold(events, loaded.state)), *about)))
    return Decision(
        checks=(StreamCheck(stream=stream, version=loaded.version),),
        events=tuple(NewEvent(stream=stream, event=event, about=things) for event in events),
    )


def version_differs(loaded: Loaded[Any], expected: int) -> Conflict:
    """The refusal of a command that rests on another version of its stream."""
    return Conflict(
        f"{loaded.stream!r} stands at revision {loaded.version}, not {expected}; read it again and decide anew",
        field="expectedVersion",
        revision=loaded.version,
    )

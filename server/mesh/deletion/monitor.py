"""The deadlines of erasure requests: warned of, told when they pass, and kept by a run where the settings say so."""

import asyncio
from datetime import datetime, timedelta
from itertools import islice
from typing import Protocol

import asyncpg

from server.adapters.runs import Run
from server.adapters.store.commands import Commands, Decision, decide
from server.kernel.errors import PreconditionFailed
from server.kernel.ids import Urn
from server.kernel.intent import Intent
from server.kernel.record import record
from server.kernel.recorded import FOREVER
from server.mesh.deletion.subjects import Subjects
from server.mesh.events.own_runs import own_intent
from server.mesh.lake.deletion_rules import WARNINGS, due
from server.mesh.lake.stream import LAKES

TOGETHER = 200  # requests of a lake that are told of in one append
UNUSED_AFTER = timedelta(days=1)  # a key that no request names by then never will be named

# By the index gdpr_deletion_due: those that are open, not held, and near their deadline.
_OPEN = f"valid_to = {FOREVER} and ended is null and not held"
_DUE_LAKES_SQL = f"""
select distinct lake from gdpr_deletion
where {_OPEN} and deadline <= $2 and not overdue
  and (deadline <= $1 or warned is null or (warned > {WARNINGS[-1]} and deadline <= $3))
order by lake
"""  # noqa: S608  # numbers of ours
# What was refused, as an id that too many rows hold, is refused again unless somebody decides: once a day is enough.
_OVERDUE_SQL = f"""
select id from gdpr_deletion g
where {_OPEN} and deadline <= $1 and overdue and not exists (
  select from process_run run where run.kind = 'ERASE' and run.payload ->> 'deletion' = g.id and run.status = 'FAILED'
     and run.error_code = 'PRECONDITION_FAILED' and run.finished_at > clock_timestamp() - interval '1 day')
order by deadline, position
"""  # noqa: S608  # numbers of ours
_ENDED_SQL = f"""
select made.id from unnest($1::text[]) as made(id)
left join gdpr_deletion g on g.id = made.id and g.valid_to = {FOREVER}
where g.ended is not null or (g.id is null and made.id = any($2::text[]))
"""  # noqa: S608  # numbers of ours


class Erases(Protocol):
    """Whoever does erasures."""

    async def process(self, deletion: str, *, intent: Intent, wait_seconds: float) -> Run:
        """Start the erasure, or answer the run that is at it. Raises: PreconditionFailed."""
        ...


@record
class Looked:
    """What a look did: how many deadlines it told of, how many keys it destroyed, the runs that it started."""

    told: int
    keys: int
    runs: tuple[Urn, ...]


class DeadlineMonitor:
    """Looks for requests whose deadline is near or over."""

    def __init__(
        self, pool: asyncpg.Pool, commands: Commands, subjects: Subjects, erases: Erases, *, erase: bool
    ) -> None:
        self._pool = pool
        self._commands = commands
        self._subjects = subjects
        self._erases = erases
        self._erase = erase

    async def look(self, at: datetime) -> Looked:
        """Tell, as of an instant, what was not told yet; start what is due; destroy the keys of what has ended."""
        told = 0
        near = [at + timedelta(days=days) for days in WARNINGS]
        for row in await self._pool.fetch(_DUE_LAKES_SQL, at, *near):
            told += await self._tell(Urn(row["lake"]), at)
        runs = await self._started(at) if self._erase else ()
        return Looked(told=told, keys=await self.forget(), runs=runs)

    async def forget(self) -> int:
        """Destroy the keys of requests that have ended, or that came to nothing; how many."""
        now: datetime = await self._pool.fetchval("select clock_timestamp()")
        made = await asyncio.to_thread(self._subjects.sealed_before, now)
        old = await asyncio.to_thread(self._subjects.sealed_before, now - UNUSED_AFTER)
        over = [Urn(row["id"]) for row in await self._pool.fetch(_ENDED_SQL, made, old)] if made else []
        for deletion in over:
            await asyncio.to_thread(self._subjects.destroy, deletion)
        return len(over)

    async def _tell(self, lake: Urn, at: datetime) -> int:
        """Record what is due in a lake, some hundreds of requests at a time; how many were told of."""
        told = await self._tell_some(lake, at)
        return told if told < TOGETHER else told + await self._tell(lake, at)

    async def _tell_some(self, lake: Urn, at: datetime) -> int:
        async def attempt() -> Decision:
            loaded = await self._commands.load(LAKES, lake)
            asked = () if loaded.state is None else islice(due(loaded.state, at), TOGETHER)
            decisions = [decide(LAKES, lake, loaded, command) for command in asked]
            checks = decisions[0].checks if decisions else ()
            return Decision(checks=checks, events=tuple(new for one in decisions for new in one.events))

        receipt = await self._commands.perform(own_intent(), attempt, tries=LAKES.tries)
        return 0 if receipt.first is None or receipt.last is None else receipt.last - receipt.first + 1

    async def _started(self, at: datetime) -> tuple[Urn, ...]:
        """A run for each overdue request, the longest overdue first; none for one that was held meanwhile."""
        runs: list[Urn] = []
        for row in await self._pool.fetch(_OVERDUE_SQL, at):
            try:
                run = await self._erases.process(row["id"], intent=own_intent(), wait_seconds=0)
            except PreconditionFailed:
                continue  # held, rejected or completed since it was found
            runs.append(run.id)
        return tuple(runs)

"""Retention: batches whose contract lets them go are let go, each by a run of its own.

The event comes first and the files after it. A crash in between leaves files that no event names: the run is done
again, and if it cannot be, the sweeper removes them.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Protocol

from sqlmodel import col, exists, func

from server.adapters.runs import ProcessKind, RunContext, RunOutcome
from server.adapters.storage import layout
from server.adapters.storage.port import Storage
from server.adapters.store.append import StreamCheck
from server.adapters.store.commands import Commands, Decision, decide
from server.adapters.store.listing import Listing
from server.adapters.store.paging import MAX_FIRST, PageRequest
from server.adapters.store.reader import NOW, Reader
from server.kernel.ids import Urn, name_of
from server.mesh.batch.commands import ExpireBatch
from server.mesh.batch.domain import existing
from server.mesh.batch.facts_now import FactsNow
from server.mesh.batch.files import BatchPlace, place_of
from server.mesh.batch.payloads import ExpirePayload, dump, load
from server.mesh.batch.queries import BatchQueries, BatchRow
from server.mesh.batch.state import BatchStatus
from server.mesh.batch.stream import BATCHES
from server.mesh.contract.queries import ContractRow
from server.mesh.events.own_runs import OwnRuns
from server.mesh.events.runs import run_intent


class Copies(Protocol):
    """Whoever keeps copies of batches for reading."""

    async def forget(self, dataset: str, batch: str) -> None:
        """Remove the rows of a batch, by its bare id, from every copy of its dataset, by its URN."""
        ...


class Expiry:
    """Finds batches whose time is over and lets them go."""

    def __init__(
        self,
        commands: Commands,
        runs: OwnRuns,
        reader: Reader,
        batches: BatchQueries,
        facts: FactsNow,
        storage: Storage,
        copies: Copies,
    ) -> None:
        self._commands = commands
        self._runs = runs
        self._reader = reader
        self._batches = batches
        self._facts = facts
        self._storage = storage
        self._copies = copies

    async def start(self, at: datetime) -> tuple[Urn, ...]:
        """Start a run for every batch that is over at this instant, unless one is under way; the runs."""
        runs: list[Urn] = []
        after: str | None = None
        while True:
            page = await self._reader.page(due(at), PageRequest(first=MAX_FIRST, after=after), NOW)
            for row in page.rows:
                payload = dump(ExpirePayload(batch=Urn(row.id), at=at))
                runs.append(await self._runs.start(ProcessKind.EXPIRE, Urn(row.dataset), row.batch_id, payload))
            if not page.has_next:
                return tuple(runs)
            after = page.cursors[-1]

    async def handle(self, context: RunContext) -> RunOutcome:
        """BatchExpired, unless the contract keeps the batch longer by now; then its files go."""
        payload = load(ExpirePayload, context.run.payload)
        receipt = await self._commands.perform(run_intent(context.run), lambda: self._decide(payload))
        batch = existing(payload.batch, (await self._commands.load(BATCHES, payload.batch)).state)
        if batch.status is BatchStatus.EXPIRED:
            await self._copies.forget(batch.dataset, name_of(batch.batch))
            await asyncio.to_thread(self._remove, place_of(batch))
        return RunOutcome(first_position=receipt.first, last_position=receipt.last)

    async def _decide(self, payload: ExpirePayload) -> Decision:
        loaded = await self._commands.load(BATCHES, payload.batch)
        batch = existing(payload.batch, loaded.state)
        contract = await self._facts.contracts.known(batch.contract)
        row = await self._batches.known(batch.batch)
        over = expires_at(row.appended_at, contract.retention_days)
        if batch.status is BatchStatus.EXPIRED or over is None or over > payload.at:
            return Decision(checks=(), events=())
        reason = f"contract {contract.contract_id!r} keeps batches for {contract.retention_days} days"
        command = ExpireBatch(batch=batch.batch, expires_at=over, reason=reason)
        decision = decide(BATCHES, payload.batch, loaded, command)
        guard = StreamCheck(stream=Urn(contract.id), version=contract.revision)
        return Decision(checks=(*decision.checks, guard), events=decision.events)

    def _remove(self, place: BatchPlace) -> None:
        for folder in layout.folders(place.dataset, place.batch):
            for stored in list(self._storage.list(folder)):
                self._storage.delete(stored.key)


def expires_at(appended_at: datetime, retention_days: int | None) -> datetime | None:
    """When a batch is over; None where it is kept for ever. A day has 24 hours."""
    return None if retention_days is None else appended_at + timedelta(days=retention_days)


def due(at: datetime) -> Listing[BatchRow]:
    """The batches that are over at an instant and not let go yet, oldest first."""
    kept = func.make_interval(0, 0, 0, 0, col(ContractRow.retention_days) * 24)
    over = exists().where(
        ContractRow.standing(NOW), col(ContractRow.id) == col(BatchRow.contract), col(BatchRow.appended_at) + kept <= at
    )
    conditions = (col(BatchRow.step) != BatchStatus.EXPIRED, over)
    return Listing(table=BatchRow, key="position", conditions=conditions, parts=("due", at))

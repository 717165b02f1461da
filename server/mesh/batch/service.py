"""Commands on batches. Those that move data check what can be known at once, then start a run."""

import asyncio
from collections.abc import Sequence
from typing import Any

from server.adapters.engine.ingest.rejects import Reject
from server.adapters.engine.quality.check import validate
from server.adapters.runs import ProcessKind, Run
from server.adapters.storage.layout import parse_file_url
from server.adapters.store.commands import Commands, Receipt
from server.adapters.store.paging import check_first
from server.kernel.errors import NotFound, PreconditionFailed
from server.kernel.ids import Kind, Urn, name_of, reference
from server.kernel.intent import Intent
from server.kernel.privacy import PrivacyRule, check_privacy
from server.kernel.quality import QualityRule
from server.kernel.text import said
from server.mesh.batch.arrivals import Arrivals, named_batch
from server.mesh.batch.commands import QuarantineBatch, ReleaseBatch
from server.mesh.batch.domain import publishable, ready, unpublished
from server.mesh.batch.facts_now import FactsNow
from server.mesh.batch.files import BatchFiles, place_of
from server.mesh.batch.payloads import AnonymizePayload, AppendPayload, CheckPayload, PublishPayload, dump
from server.mesh.batch.queries import BatchRow
from server.mesh.batch.stream import BATCHES
from server.mesh.contract.queries import terms_of_row
from server.mesh.dataset.referenced import referenced_datasets
from server.mesh.events.runs import Runs


class BatchService:
    """What may be done to batches."""

    def __init__(self, commands: Commands, runs: Runs, files: BatchFiles, facts: FactsNow) -> None:
        self._commands = commands
        self._runs = runs
        self._files = files
        self._facts = facts
        self._arrivals = Arrivals(commands, facts)

    async def append(
        self,
        dataset: str,
        contract: str,
        batch_id: str | None,
        file_url: str,
        *,
        intent: Intent,
        wait_seconds: float,
    ) -> Run:
        """Append an upload. Raises: NotFound, AlreadyExists, PreconditionFailed, InvalidData, BadUserInput."""
        if (run := await self._runs.repeated(intent, wait_seconds)) is not None:
            return run
        batch = named_batch(batch_id, intent)
        file = parse_file_url(file_url)
        arrival = await self._arrivals.expected(dataset, contract, batch)
        if not await self._files.landed(file):
            raise NotFound(f"nothing was uploaded to {file_url!r} yet; PUT the file first", field="fileUrl")
        owner, terms = Urn(arrival.dataset.id), Urn(arrival.contract.id)
        payload = AppendPayload(dataset=owner, contract=terms, batch=batch, file_url=file.key)
        return await self._start(ProcessKind.APPEND, intent, batch, owner, payload, wait_seconds)

    async def check(
        self, batch_id: str, rules: Sequence[QualityRule] | None, *, intent: Intent, wait_seconds: float
    ) -> Run:
        """Judge a batch. Raises: NotFound, PreconditionFailed, BadUserInput."""
        if (run := await self._runs.repeated(intent, wait_seconds)) is not None:
            return run
        batch = reference(Kind.BATCH, batch_id, field="batchId")
        known = ready(batch, (await self._commands.load(BATCHES, batch)).state)
        fields = await self._facts.datasets.fields_at(known.dataset, known.schema_version)
        await asyncio.to_thread(lambda: [validate(rule, fields) for rule in rules or ()])
        await referenced_datasets(self._facts.datasets, rules or (), fields)
        contract = await self._facts.contracts.known(known.contract)
        promised = terms_of_row(contract).quality_rules
        if not rules:
            await self._facts.check_fit(contract, known.schema_version, promised)
        if not (rules or promised):
            raise PreconditionFailed(
                f"batch {name_of(batch)!r} has no quality rules to check: give rules, or add some to its contract"
            )
        payload = CheckPayload(batch=batch, rules=tuple(rules) if rules else None)
        return await self._start(ProcessKind.QUALITY_CHECK, intent, batch, known.dataset, payload, wait_seconds)

    async def anonymize(
        self, batch_id: str, rules: Sequence[PrivacyRule] | None, *, intent: Intent, wait_seconds: float
    ) -> Run:
        """Hide what is personal in a batch. Raises: NotFound, PreconditionFailed, InvalidData, BadUserInput."""
        if (run := await self._runs.repeated(intent, wait_seconds)) is not None:
            return run
        batch = reference(Kind.BATCH, batch_id, field="batchId")
        known = unpublished(batch, (await self._commands.load(BATCHES, batch)).state, "anonymised")
        check_privacy(rules or (), await self._facts.datasets.fields_at(known.dataset, known.schema_version))
        contract = await self._facts.contracts.known(known.contract)
        promised = terms_of_row(contract).privacy_rules
        if not rules:
            await self._facts.check_fit(contract, known.schema_version, promised)
        if not (rules or promised):
            raise PreconditionFailed(
                f"batch {name_of(batch)!r} has no privacy rules to apply: give rules, or add some to its contract"
            )
        payload = AnonymizePayload(batch=batch, rules=tuple(rules) if rules else None)
        return await self._start(ProcessKind.ANONYMIZE, intent, batch, known.dataset, payload, wait_seconds)

    async def publish(self, batch_id: str, *, intent: Intent, wait_seconds: float) -> Run:
        """Let consumers be granted a batch. Raises: NotFound, PreconditionFailed."""
        if (run := await self._runs.repeated(intent, wait_seconds)) is not None:
            return run
        batch = reference(Kind.BATCH, batch_id, field="batchId")
        state = (await self._commands.load(BATCHES, batch)).state
        known = unpublished(batch, state, "published")
        gate, _ = await self._facts.gate(known)
        publishable(batch, state, gate)
        payload = PublishPayload(batch=batch)
        return await self._start(ProcessKind.PUBLISH, intent, batch, known.dataset, payload, wait_seconds)

    async def quarantine(self, batch_id: str, reason: str, *, intent: Intent) -> tuple[Urn, Receipt]:
        """Set a batch apart. Raises: NotFound, PreconditionFailed."""
        batch = reference(Kind.BATCH, batch_id, field="batchId")
        command = QuarantineBatch(batch=batch, reason=said(reason, field="reason"))
        return batch, await self._commands.execute(BATCHES, batch, command, intent)

    async def release(self, batch_id: str, reason: str, *, intent: Intent) -> tuple[Urn, Receipt]:
        """End a quarantine. Raises: NotFound, PreconditionFailed."""
        batch = reference(Kind.BATCH, batch_id, field="batchId")
        command = ReleaseBatch(batch=batch, reason=said(reason, field="reason"))
        return batch, await self._commands.execute(BATCHES, batch, command, intent)

    async def rejected_rows(self, row: BatchRow, first: int) -> Sequence[Reject]:
        """Rows that were set aside. Raises: BadUserInput, LimitExceeded."""
        if not check_first(first) or row.bronze is None:
            return ()
        return await self._files.rejected(place_of(row), row.bronze, first)

    async def samples(self, row: BatchRow, attempt: int, index: int) -> list[Any]:  # rows as JSON
        """Failing rows of one rule of a check."""
        return await self._files.samples(place_of(row), attempt, index)

    async def _start(
        self, kind: ProcessKind, intent: Intent, batch: Urn, dataset: Urn, payload: object, wait_seconds: float
    ) -> Run:
        return await self._runs.start(
            kind,
            intent,
            dataset=dataset,
            batch_id=name_of(batch),
            payload=dump(payload),
            wait_seconds=wait_seconds,
        )

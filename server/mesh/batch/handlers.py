"""Runs on batches, done by a worker: the work on files first, then the decision with its result.

Each handler may run twice after a crash: the append's key is the run's id, so the second time records nothing.
"""

from contextlib import AsyncExitStack

from server.adapters.runs import RunContext, RunOutcome
from server.adapters.store.append import MUST_EXIST, StreamCheck
from server.adapters.store.attempts import Attempts
from server.adapters.store.commands import Commands, Decision, Receipt, decide
from server.kernel.ids import Urn, name_of
from server.mesh.batch.again import on_current_files
from server.mesh.batch.commands import AppendData, Command, PublishData, RecordAnonymization, RecordQuality
from server.mesh.batch.domain import existing, publishable, ready, unpublished
from server.mesh.batch.facts import DataAppended
from server.mesh.batch.facts_now import FactsNow
from server.mesh.batch.files import BatchFiles, BatchPlace, place_of
from server.mesh.batch.gold_columns import columns_in_clear
from server.mesh.batch.origin import Origin
from server.mesh.batch.payloads import AnonymizePayload, AppendPayload, CheckPayload, PublishPayload, load
from server.mesh.batch.rule_context import RuleContexts
from server.mesh.batch.state import Batch, hidden_columns
from server.mesh.batch.stream import BATCHES
from server.mesh.batch.taken_keys import TakenKeys
from server.mesh.batch.telling import Part, told_all
from server.mesh.contract.domain import BadRowPolicy
from server.mesh.contract.queries import terms_of_row
from server.mesh.dataset.queries import fields_of
from server.mesh.events.runs import run_intent


class BatchHandlers:
    """What a worker does for batches."""

    def __init__(
        self,
        commands: Commands,
        files: BatchFiles,
        facts: FactsNow,
        attempts: Attempts,
        keys: TakenKeys,
        contexts: RuleContexts,
    ) -> None:
        self._commands = commands
        self._files = files
        self._facts = facts
        self._attempts = attempts
        self._keys = keys
        self._contexts = contexts

    async def append(self, context: RunContext) -> RunOutcome:
        """Upload -> raw and bronze -> DataAppended."""
        payload = load(AppendPayload, context.run.payload)
        if (seen := await self._commands.answered(run_intent(context.run))) is not None:
            return outcome(seen)
        dataset = await self._facts.datasets.known(payload.dataset)
        contract = await self._facts.contracts.known(payload.contract)
        place = BatchPlace(dataset=dataset.name, batch=name_of(payload.batch))
        terms = terms_of_row(contract)
        await self._facts.check_fit(contract, dataset.schema_version, (*terms.quality_rules, *terms.privacy_rules))
        attempt = await self._attempts.next()
        policy = terms.on_bad_rows
        fields = fields_of(dataset)
        async with AsyncExitStack() as held, self._files.kept_unless_refused(place, attempt):
            done = await self._files.ingest(
                place,
                payload.file_url,
                attempt,
                fields,
                context.run.created_at,
                all_or_nothing=policy is BadRowPolicy.REJECT_BATCH,
                keep_raw=True,
                progress=Part(context=context).reading(),
                origin=Origin(csv=terms.csv),
                existing=self._keys.existing(payload.dataset, fields, held),
            )
            appended = DataAppended(
                batch=payload.batch,
                dataset=payload.dataset,
                contract=payload.contract,
                contract_version=contract.version,
                schema_version=dataset.schema_version,
                file_url=payload.file_url,
                checksum=done.sha256,
                size_bytes=done.size_bytes,
                row_count=done.row_count,
                rejected_row_count=done.rejected_row_count,
                attempt=attempt,
                format=done.format,
            )
            guards = (StreamCheck(stream=payload.dataset, version=MUST_EXIST),)
            command = AppendData(appended=appended)
            receipt = await self._commands.execute(
                BATCHES, payload.batch, command, run_intent(context.run), guards=guards
            )
        return outcome(receipt)

    async def check(self, context: RunContext) -> RunOutcome:
        """Bronze -> QualityCheckPassed or QualityCheckFailed."""
        payload = load(CheckPayload, context.run.payload)
        if (seen := await self._commands.answered(run_intent(context.run))) is not None:
            return outcome(seen)
        return await on_current_files(self._commands, payload.batch, lambda: self._check(context, payload))

    async def _check(self, context: RunContext, payload: CheckPayload) -> RunOutcome:
        batch = ready(payload.batch, await self._state(payload.batch))
        contract = await self._facts.contracts.known(batch.contract)
        terms = terms_of_row(contract)
        rules = payload.rules
        if rules is None:
            rules = terms.quality_rules
            await self._facts.check_fit(contract, batch.schema_version, rules)
        fields = await self._facts.columns(batch.dataset, batch.schema_version)
        rule_context = await self._contexts.of(batch, fields, rules)
        attempt = await self._attempts.next()
        hidden = hidden_columns(terms.privacy_rules)
        checked = await self._files.check(
            place_of(batch),
            batch.bronze,
            fields,
            rules,
            attempt,
            rule_context,
            hidden=hidden,
            steps=Part(context=context).steps(batch.row_count),
        )
        await told_all(context, checked.checked_rows)
        command = RecordQuality(batch=payload.batch, checked=checked, bronze=batch.bronze)
        return await self._record(context, batch, command, attempt)

    async def anonymize(self, context: RunContext) -> RunOutcome:
        """Bronze -> silver -> DataAnonymized."""
        payload = load(AnonymizePayload, context.run.payload)
        if (seen := await self._commands.answered(run_intent(context.run))) is not None:
            return outcome(seen)
        return await on_current_files(self._commands, payload.batch, lambda: self._anonymize(context, payload))

    async def _anonymize(self, context: RunContext, payload: AnonymizePayload) -> RunOutcome:
        batch = unpublished(payload.batch, await self._state(payload.batch), "anonymised")
        rules = payload.rules
        if rules is None:
            contract = await self._facts.contracts.known(batch.contract)
            rules = terms_of_row(contract).privacy_rules
            await self._facts.check_fit(contract, batch.schema_version, rules)
        fields = await self._facts.columns(batch.dataset, batch.schema_version)
        attempt = await self._attempts.next()
        steps = Part(context=context).steps(batch.row_count)
        domain = (await self._facts.datasets.known(batch.dataset)).domain
        done = await self._files.anonymize(
            place_of(batch), batch.bronze, fields, rules, attempt, domain=domain, steps=steps
        )
        await told_all(context, done.rows)
        command = RecordAnonymization(batch=payload.batch, anonymized=done, attempt=attempt, bronze=batch.bronze)
        return await self._record(context, batch, command, attempt)

    async def publish(self, context: RunContext) -> RunOutcome:
        """Silver, or bronze where nothing is hidden -> gold -> DataPublished."""
        payload = load(PublishPayload, context.run.payload)
        if (seen := await self._commands.answered(run_intent(context.run))) is not None:
            return outcome(seen)
        return await on_current_files(self._commands, payload.batch, lambda: self._publish(context, payload))

    async def _publish(self, context: RunContext, payload: PublishPayload) -> RunOutcome:
        state = await self._state(payload.batch)
        batch = existing(payload.batch, state)
        publishable(payload.batch, state, (await self._facts.gate(batch))[0])
        columns = await self._facts.columns(batch.dataset, batch.schema_version)
        in_clear = columns_in_clear(columns, batch.privacy_rules if batch.silver is not None else ())
        attempt = await self._attempts.next()

        async def attempt_to_publish() -> Decision:
            loaded = await self._commands.load(BATCHES, payload.batch)
            gate, guards = await self._facts.gate(existing(payload.batch, loaded.state))
            command = PublishData(
                batch=payload.batch, gate=gate, attempt=attempt, bronze=batch.bronze, silver=batch.silver
            )
            decision = decide(BATCHES, payload.batch, loaded, command)
            return Decision(checks=(*decision.checks, *guards), events=decision.events)

        async with self._files.kept_unless_refused(place_of(batch), attempt):
            steps = Part(context=context).steps(batch.row_count)
            await self._files.publish(
                place_of(batch), batch.bronze, batch.silver, attempt, in_clear=in_clear, steps=steps
            )
            receipt = await self._commands.perform(run_intent(context.run), attempt_to_publish)
        await told_all(context, batch.row_count)
        return outcome(receipt)

    async def _state(self, batch: Urn) -> Batch | None:
        return (await self._commands.load(BATCHES, batch)).state

    async def _record(self, context: RunContext, batch: Batch, command: Command, attempt: int) -> RunOutcome:
        async with self._files.kept_unless_refused(place_of(batch), attempt):
            receipt = await self._commands.execute(BATCHES, batch.batch, command, run_intent(context.run))
        return outcome(receipt)


def outcome(receipt: Receipt) -> RunOutcome:
    """A receipt as a run's outcome."""
    return RunOutcome(first_position=receipt.first, last_position=receipt.last)

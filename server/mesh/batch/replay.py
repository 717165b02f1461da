"""Replay: every batch of a dataset made again from its raw file, one swap for each."""

from collections.abc import Sequence
from contextlib import AsyncExitStack

from server.adapters.postgres.away import PostgresAway
from server.adapters.runs import ProcessKind, Run, RunContext, RunOutcome, RunStatus
from server.adapters.storage import layout
from server.adapters.store.attempts import Attempts
from server.adapters.store.commands import Commands, Decision, decide
from server.adapters.store.listing import At
from server.adapters.store.reader import NOW
from server.kernel.errors import PreconditionFailed, Refused, Unavailable
from server.kernel.fields import Field
from server.kernel.ids import Urn
from server.kernel.intent import Intent
from server.kernel.privacy import PrivacyRule
from server.mesh.batch.again import on_current_files
from server.mesh.batch.commands import ReplayBatch
from server.mesh.batch.domain import existing
from server.mesh.batch.facts import Anonymized, BatchReplayed, Checked
from server.mesh.batch.facts_now import FactsNow
from server.mesh.batch.files import BatchFiles, place_of
from server.mesh.batch.gold_columns import columns_in_clear
from server.mesh.batch.origin import Origin
from server.mesh.batch.payloads import ReplayPayload, dump, load
from server.mesh.batch.queries import BatchQueries, BatchRow
from server.mesh.batch.rule_context import RuleContexts
from server.mesh.batch.state import Batch, hidden_columns
from server.mesh.batch.stream import BATCHES
from server.mesh.batch.taken_keys import TakenKeys
from server.mesh.batch.telling import Part
from server.mesh.contract.domain import BadRowPolicy, Terms
from server.mesh.contract.queries import terms_of_row
from server.mesh.dataset.domain import CompleteReplay, ReplayedBatch, ReplayOutcome, RequestReplay
from server.mesh.dataset.queries import DatasetRow, fields_of
from server.mesh.dataset.service import DATASETS
from server.mesh.events.runs import COMPLETED, Runs, run_intent

READ, CHECKED, HIDDEN, COPIED = 0.5, 0.1, 0.35, 0.05  # of the work on one batch


class Replays:
    """Starts replays and does them."""

    def __init__(
        self,
        commands: Commands,
        runs: Runs,
        files: BatchFiles,
        facts: FactsNow,
        batches: BatchQueries,
        attempts: Attempts,
        keys: TakenKeys,
        contexts: RuleContexts,
    ) -> None:
        self._commands = commands
        self._runs = runs
        self._files = files
        self._facts = facts
        self._batches = batches
        self._attempts = attempts
        self._keys = keys
        self._contexts = contexts

    async def request(self, dataset: str, reason: str, *, intent: Intent, wait_seconds: float) -> Run:
        """Start a replay. Raises: NotFound, PreconditionFailed."""
        if (run := await self._runs.repeated(intent, wait_seconds)) is not None:
            return run
        row = await self._facts.datasets.known(dataset)
        if (other := await self._runs.unfinished(ProcessKind.REPLAY, Urn(row.id))) is not None:
            raise PreconditionFailed(
                f"a replay of dataset {row.name!r} is under way ({other.id}); wait for it to end", replay=other.id
            )
        if not replayable_rows(await self._batches.of_dataset(row.id)):
            raise PreconditionFailed(f"dataset {row.name!r} has no batch to replay; append one first")
        payload = dump(ReplayPayload(dataset=Urn(row.id), reason=reason))
        return await self._runs.start(
            ProcessKind.REPLAY, intent, dataset=Urn(row.id), batch_id=None, payload=payload, wait_seconds=wait_seconds
        )

    async def handle(self, context: RunContext) -> RunOutcome:
        """ReplayRequested, BatchReplayed for each batch that passes, ReplayCompleted."""
        run = context.run
        payload = load(ReplayPayload, run.payload)
        rows = replayable_rows(await self._batches.of_dataset(payload.dataset))
        first = await self._commands.execute(
            DATASETS,
            payload.dataset,
            RequestReplay(
                dataset=payload.dataset,
                reason=payload.reason,
                run=run.id,
                batches=len(rows),
                ended=await self._ended(payload.dataset, run.id),
            ),
            run_intent(run),
        )
        done: list[ReplayedBatch] = []
        for number, row in enumerate(rows, 1):
            before = context.rows_done
            part = Part(context=context, start=(number - 1) / len(rows), end=number / len(rows), rows_before=before)
            done.append(await self._replay(row, part))
            await context.progress(part.end, before + done[-1].rows_after)
        last = await self._commands.execute(
            DATASETS,
            payload.dataset,
            CompleteReplay(dataset=payload.dataset, run=run.id, batches=tuple(done)),
            run_intent(run, COMPLETED),
        )
        return RunOutcome(first_position=first.first, last_position=last.last)

    async def _ended(self, dataset: Urn, run: Urn) -> Urn | None:
        """The replay that the dataset still names although its run has ended without completing it."""
        replay = (await self._facts.datasets.known(dataset)).replay
        if replay is None or replay == run:
            return None
        other = await self._runs.find(Urn(replay))
        return Urn(replay) if other is None or other.status is RunStatus.FAILED else None

    async def _replay(self, row: BatchRow, part: Part) -> ReplayedBatch:
        """One batch: its new files in place of the old ones, or the reason why not."""
        intent = run_intent(part.context.run, f"/{row.batch_id}")
        seen = await self._commands.answered(intent)
        if seen is not None and seen.first is not None:
            before = await self._batches.known(row.id, position=seen.first - 1)
            return report(row, ReplayOutcome.REPLAYED, before.row_count, row.row_count)
        try:
            return await on_current_files(self._commands, Urn(row.id), lambda: self._swap(row, intent, part))
        except (PostgresAway, Unavailable):
            raise
        except Refused as refused:
            return report(row, ReplayOutcome.KEPT, row.row_count, row.row_count, refused.message)

    async def _swap(self, row: BatchRow, intent: Intent, part: Part) -> ReplayedBatch:
        """The batch's new files in place of the old ones. Raises: Refused, and then no file of the attempt is left."""
        attempt = await self._attempts.next()
        batch = existing(Urn(row.id), (await self._commands.load(BATCHES, Urn(row.id))).state)
        async with AsyncExitStack() as held, self._files.kept_unless_refused(place_of(batch), attempt):
            replayed = await self._remake(batch, attempt, held, part)

            async def swap() -> Decision:
                loaded = await self._commands.load(BATCHES, batch.batch)
                gate, guards = await self._facts.gate(existing(batch.batch, loaded.state), replayed.schema_version)
                command = ReplayBatch(replayed=replayed, gate=gate, bronze=batch.bronze, silver=batch.silver)
                decision = decide(BATCHES, batch.batch, loaded, command)
                return Decision(checks=(*decision.checks, *guards), events=decision.events)

            await self._commands.perform(intent, swap)
        return report(row, ReplayOutcome.REPLAYED, row.row_count, replayed.row_count)

    async def _ignored(self, dataset: Urn, fields: Sequence[Field]) -> frozenset[str]:
        """The columns of the dataset's other schema versions, which a file of their time may carry."""
        versions = await self._facts.datasets.schema_histories([(at := At(dataset, NOW))])
        known = {field.name for version in versions[at] for field in fields_of(version)}
        return frozenset(known - {field.name for field in fields})

    async def _remake(self, batch: Batch, attempt: int, held: AsyncExitStack, part: Part) -> BatchReplayed:
        """The batch's files anew, as far as they went before. What is `held` ends with the swap. Raises: Refused."""
        dataset = await self._facts.datasets.known(batch.dataset)
        contract = await self._facts.contracts.known(batch.contract)
        terms = terms_of_row(contract)
        await self._facts.check_fit(contract, dataset.schema_version, (*terms.quality_rules, *terms.privacy_rules))
        place, fields = place_of(batch), fields_of(dataset)
        original = await self._batches.known(batch.batch)
        ingested = await self._files.ingest(
            place,
            layout.raw(place.dataset, place.batch, batch.raw_digest, batch.format.suffix),
            attempt,
            fields,
            original.appended_at,
            all_or_nothing=terms.on_bad_rows is BadRowPolicy.REJECT_BATCH,
            keep_raw=False,
            progress=part.after(0, of=READ).reading(),
            origin=Origin(
                csv=terms.csv,
                ignored=await self._ignored(batch.dataset, fields),
                format=batch.format,
                gaps=await self._files.gaps(place, batch.raw_digest),
            ),
            existing=self._keys.existing(batch.dataset, fields, held),
        )
        checked, anonymized = await self._onward(batch, terms, dataset, attempt, part, ingested.row_count)
        return BatchReplayed(
            batch=batch.batch,
            contract_version=contract.version,
            schema_version=dataset.schema_version,
            row_count=ingested.row_count,
            rejected_row_count=ingested.rejected_row_count,
            attempt=attempt,
            checked=checked,
            anonymized=anonymized,
            published=batch.gold is not None,
        )

    async def _onward(
        self, batch: Batch, terms: Terms, dataset: DatasetRow, attempt: int, part: Part, rows: int
    ) -> tuple[Checked | None, Anonymized | None]:
        """The new bronze as far as the old went: what its check finds, what is hidden; published where it was."""
        place, fields = place_of(batch), fields_of(dataset)
        rules = privacy_rules(terms, batch, fields)
        published = batch.gold is not None
        hide = bool(rules) and (batch.silver is not None or published)
        checked = None
        if terms.quality_rules:
            context = await self._contexts.of(batch, fields, terms.quality_rules)
            checked = await self._files.check(
                place,
                attempt,
                fields,
                terms.quality_rules,
                attempt,
                context,
                hidden=hidden_columns(rules),
                steps=part.after(READ, of=CHECKED, rows=rows).steps(),
            )
        anonymized = None
        if hide:
            steps = part.after(READ + CHECKED, of=HIDDEN, rows=rows).steps()
            anonymized = await self._files.anonymize(
                place, attempt, fields, rules, attempt, domain=dataset.domain, steps=steps
            )
        if published:
            in_clear = columns_in_clear(fields, rules if hide else ())
            steps = part.after(1 - COPIED, of=COPIED, rows=rows).steps()
            await self._files.publish(
                place, attempt, attempt if hide else None, attempt, in_clear=in_clear, steps=steps
            )
        return checked, anonymized


def replayable_rows(rows: Sequence[BatchRow]) -> Sequence[BatchRow]:
    """The batches that a replay looks at: those not set apart."""
    return [row for row in rows if row.quarantine is None and row.bronze is not None]


def privacy_rules(terms: Terms, batch: Batch, fields: Sequence[Field]) -> tuple[PrivacyRule, ...]:
    """The contract's rules now, and for columns that it does not name those last applied: never less than before.

    A column that the schema has dropped meanwhile needs none.
    """
    others = {field.name for field in fields}.difference(rule.column for rule in terms.privacy_rules)
    return (*terms.privacy_rules, *(rule for rule in batch.privacy_rules if rule.column in others))


def report(row: BatchRow, outcome: ReplayOutcome, before: int, after: int, reason: str | None = None) -> ReplayedBatch:
    """One line of the replay's report."""
    return ReplayedBatch(batch=Urn(row.id), outcome=outcome, rows_before=before, rows_after=after, reason=reason)

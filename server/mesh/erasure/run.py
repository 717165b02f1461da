"""The erasure run: batch after batch until nothing of the subject is left, then everywhere else, then the completion.

It may be killed anywhere. Each batch is swapped by an event that names what was done, so a second attempt goes on from
what the log says; the subject's key goes last, once the completion stands.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from server.adapters.engine.erasure.subject import Subject
from server.adapters.runs import Run, RunContext, RunOutcome
from server.adapters.store.commands import Commands, Receipt
from server.kernel.errors import PreconditionFailed
from server.kernel.ids import Urn
from server.kernel.record import record
from server.mesh.batch.payloads import ErasePayload, load
from server.mesh.batch.queries import BatchQueries
from server.mesh.deletion.queries import DeletionQueries
from server.mesh.deletion.subjects import Subjects
from server.mesh.erasure.batch_eraser import BatchEraser
from server.mesh.erasure.common_ids import CommonIds
from server.mesh.erasure.elsewhere import Elsewhere
from server.mesh.erasure.objects import ErasedObjects
from server.mesh.erasure.outcome import BEYOND, ErasedBatch, Outcomes, erased_rows
from server.mesh.erasure.quiet import Quiet
from server.mesh.events.runs import run_intent
from server.mesh.lake.commands import CompleteDeletion
from server.mesh.lake.deletion_rules import check_processable
from server.mesh.lake.state import DataLake, DeletionStatus
from server.mesh.lake.stream import LAKES

COMPLETED = "/completed"  # the part of the run's key that stands for the completion


@record
class ErasureParts:
    """Who takes part in an erasure."""

    commands: Commands
    deletions: DeletionQueries
    subjects: Subjects
    batches: BatchQueries
    eraser: BatchEraser
    common_ids: CommonIds
    elsewhere: Elsewhere
    objects: ErasedObjects
    outcomes: Outcomes
    quiet: Quiet


class ErasureRun:
    """Does runs of kind ERASE."""

    def __init__(self, parts: ErasureParts, clock: Callable[[], datetime]) -> None:
        self._parts = parts
        self._clock = clock

    async def handle(self, context: RunContext) -> RunOutcome:
        """SubjectErased for each batch that held the subject, then GDPRDeletionCompleted."""
        payload = load(ErasePayload, context.run.payload)
        state = await self._lake(payload.lake)
        known = state.deletions.get(payload.deletion)
        if known is None or known.status is not DeletionStatus.COMPLETED:
            check_processable(payload.deletion, state)
            await self._erase(context, payload)
        await asyncio.to_thread(self._parts.subjects.destroy, payload.deletion)
        await self._parts.elsewhere.forget(payload.deletion)
        return await self._outcome(context.run, payload)

    async def _erase(self, context: RunContext, payload: ErasePayload) -> None:
        parts = self._parts
        subject = Subject(text=await self._subject(payload))
        await self._erase_batches(context, payload, subject)
        waiting = await parts.elsewhere.uploads(payload.deletion, subject)
        await parts.elsewhere.unfinished()
        in_log = await parts.elsewhere.texts(subject)
        batches = await parts.outcomes.batches(payload.deletion)
        dictionaries = await parts.outcomes.dictionaries((await self._lake(payload.lake)).datasets, batches)
        told = [*await parts.outcomes.downloads(batches), *waiting, *dictionaries, *in_log]
        await self._complete(context.run, payload, batches, [*map(subject.without, told), *BEYOND])

    async def _erase_batches(self, context: RunContext, payload: ErasePayload, subject: Subject) -> None:
        """Look again and again until nothing new was found: batches arrive and are replayed meanwhile."""
        clean = await self._refuse_common(context, payload, subject)
        looked = False
        while True:
            datasets = list((await self._lake(payload.lake)).datasets)
            for dataset in datasets:
                await self._parts.quiet.come(dataset)
            rows = [row for dataset in datasets for row in await self._parts.batches.of_dataset(dataset)]
            new = [row for row in rows if row.bronze is not None and clean.get(row.id) != row.revision]
            if looked and not new:
                return
            looked = True
            for number, row in enumerate(new, 1):
                check_processable(payload.deletion, await self._lake(payload.lake))
                clean[row.id] = await self._parts.eraser.erase(context.run, payload.deletion, Urn(row.id), subject)
                await context.progress(0.3 + 0.6 * number / len(new), context.rows_done + row.row_count)
            for dataset in datasets:
                await self._tidy(payload.deletion, dataset)

    async def _refuse_common(self, context: RunContext, payload: ErasePayload, subject: Subject) -> dict[str, int]:
        """The batches that need no second look. Raises: PreconditionFailed, where the id means more than one person."""
        if payload.even_if_common:
            return {}

        async def go_on(fraction: float) -> None:
            check_processable(payload.deletion, await self._lake(payload.lake))
            await context.progress(0.3 * fraction, 0)

        datasets = (await self._lake(payload.lake)).datasets
        return await self._parts.common_ids.refuse(list(datasets), subject, go_on)

    async def _tidy(self, deletion: Urn, dataset: Urn) -> None:
        """Let nothing stand of what the dataset's batches were before.

        Whoever began before the swap may still leave files behind; whoever begins later makes them of the new ones.
        """
        mine = {row.id for row in await self._parts.batches.of_dataset(dataset)}
        erased = [one.batch for one in await self._parts.outcomes.batches(deletion) if one.batch in mine]
        await self._parts.quiet.come(dataset)
        before = self._clock()
        await self._parts.quiet.come(dataset)
        await self._parts.elsewhere.tidy(deletion, dataset, erased, before)

    async def _subject(self, payload: ErasePayload) -> str:
        row = await self._parts.deletions.known(payload.deletion)
        subject = await asyncio.to_thread(self._parts.subjects.open, payload.deletion, row.subject_encrypted)
        if subject is None:
            raise PreconditionFailed(
                f"the key of {payload.deletion!r} is not there, so nobody knows whom it means; restore the folder of"
                " subjects' keys, or reject it and request it anew"
            )
        return subject

    async def _complete(
        self, run: Run, payload: ErasePayload, batches: Sequence[ErasedBatch], unreached: Sequence[str]
    ) -> Receipt:
        command = CompleteDeletion(
            deletion=payload.deletion,
            erased=erased_rows(batches),
            unreached=tuple(unreached),
            objects_deleted=await self._parts.objects.removed(payload.deletion),
        )
        intent = run_intent(run, COMPLETED)
        return await self._parts.commands.execute(LAKES, payload.lake, command, intent, about=(payload.deletion,))

    async def _outcome(self, run: Run, payload: ErasePayload) -> RunOutcome:
        """The run's events, whichever attempt recorded them; none of a run that came after the completion."""
        last = await self._parts.commands.answered(run_intent(run, COMPLETED))
        first = await self._parts.outcomes.first_position(payload.deletion, run.id)
        if last is None:
            return RunOutcome(first_position=first, last_position=first)
        return RunOutcome(first_position=first or last.first, last_position=last.last)

    async def _lake(self, lake: Urn) -> DataLake:
        state = (await self._parts.commands.load(LAKES, lake)).state
        assert state is not None, "a deletion is requested in a lake that stands"
        return state

"""Creating records: rows that a client sends are written as a file of JSON lines, which then comes in as every file.

So one judgement holds for both, and what was created is checked, replayed and erased like what was appended.
"""

from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime

from server.adapters.runs import ProcessKind
from server.adapters.store.append import MUST_EXIST, StreamCheck
from server.adapters.store.attempts import Attempts
from server.adapters.store.commands import Commands, Receipt
from server.kernel.errors import AlreadyExists, Refused
from server.kernel.files import FileFormat
from server.kernel.ids import Urn, name_of
from server.kernel.intent import Intent
from server.kernel.record import record
from server.kernel.records import Given
from server.mesh.batch.arrivals import Arrival, Arrivals, named_batch
from server.mesh.batch.commands import AppendData
from server.mesh.batch.facts import DataAppended
from server.mesh.batch.facts_now import FactsNow
from server.mesh.batch.files import BatchFiles, BatchPlace
from server.mesh.batch.stream import BATCHES
from server.mesh.batch.taken_keys import TakenKeys
from server.mesh.dataset.queries import fields_of
from server.mesh.events.runs import Runs
from server.mesh.record.creation_files import CreationFiles


@record
class Created:
    """Records that exist now, as one batch. `ids` in the order in which they were given."""

    ids: tuple[str, ...]
    batch: Urn
    receipt: Receipt


class RecordCreation:
    """Makes records."""

    def __init__(
        self,
        commands: Commands,
        runs: Runs,
        facts: FactsNow,
        files: BatchFiles,
        written: CreationFiles,
        taken: TakenKeys,
        attempts: Attempts,
        clock: Callable[[], datetime],
    ) -> None:
        self._commands = commands
        self._runs = runs
        self._arrivals = Arrivals(commands, facts)
        self._files = files
        self._written = written
        self._taken = taken
        self._attempts = attempts
        self._clock = clock

    async def create(
        self,
        dataset: str,
        contract: str,
        given: Given,
        batch_id: str | None,
        *,
        intent: Intent,
    ) -> Created:
        """Take all records as one batch, or none of them.

        Raises: NotFound, AlreadyExists, PreconditionFailed, InvalidData, Conflict, BadUserInput.
        """
        batch = named_batch(batch_id, intent)
        if (seen := await self._commands.answered(intent)) is not None:
            return created(batch, given, seen)
        try:
            arrival = await self._arrivals.expected(dataset, contract, batch)
            if batch_id is not None and await self._runs.under_way(ProcessKind.APPEND, batch):
                raise AlreadyExists(f"batch {batch_id!r} is being appended; choose another batchId", field="batchId")
            return created(batch, given, await self._append(arrival, given, intent))
        except Refused:
            if (seen := await self._commands.answered(intent)) is not None:  # its twin was faster
                return created(batch, given, seen)
            raise

    async def _append(self, arrival: Arrival, given: Given, intent: Intent) -> Receipt:
        """Raw and bronze -> DataAppended."""
        dataset, fields = Urn(arrival.dataset.id), fields_of(arrival.dataset)
        place = BatchPlace(dataset=arrival.dataset.name, batch=name_of(arrival.batch))
        async with AsyncExitStack() as held:
            held.enter_context(self._written.making(place))
            locked = self._taken.existing(dataset, fields, held)
            existing = await locked() if locked is not None else ()
            attempt = await self._attempts.next()
            await held.enter_async_context(self._files.kept_unless_refused(place, attempt))
            done = await self._written.write(place, attempt, given, fields, self._clock(), existing)
            appended = DataAppended(
                batch=arrival.batch,
                dataset=dataset,
                contract=Urn(arrival.contract.id),
                contract_version=arrival.contract.version,
                schema_version=arrival.dataset.schema_version,
                file_url=None,
                checksum=done.sha256,
                size_bytes=done.size_bytes,
                row_count=done.row_count,
                rejected_row_count=0,
                attempt=attempt,
                format=FileFormat.NDJSON,
            )
            guards = (StreamCheck(stream=dataset, version=MUST_EXIST),)
            command = AppendData(appended=appended)
            try:
                return await self._commands.execute(BATCHES, arrival.batch, command, intent, guards=guards)
            except AlreadyExists:
                state = (await self._commands.load(BATCHES, arrival.batch)).state
                if state is not None and state.raw_digest != done.sha256:  # else the raw file is the other's too
                    await self._written.discard_raw(place, done.sha256)
                raise


def created(batch: Urn, given: Given, receipt: Receipt) -> Created:
    """What exists after the receipt: the ordinals of its records are those of the call."""
    ids = tuple(f"{name_of(batch)}-{ordinal:012}" for ordinal in range(len(given.records)))
    return Created(ids=ids, batch=batch, receipt=receipt)

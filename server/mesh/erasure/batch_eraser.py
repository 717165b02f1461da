"""Erasing in one batch: locate, rewrite, swap by an event, then let the old files go at once."""

import asyncio

import asyncpg
import duckdb

from server.adapters.engine.erasure.files import BatchFiles as ErasureFiles
from server.adapters.engine.erasure.files import Rewritten, Targets, Traces
from server.adapters.engine.erasure.locate import locate
from server.adapters.engine.erasure.rewrite import rewrite
from server.adapters.engine.erasure.subject import Subject
from server.adapters.engine.session import Engine
from server.adapters.runs import Run
from server.adapters.storage.local import LocalStorage
from server.adapters.storage.port import ObjectMissing
from server.adapters.storage.staged import remove_staged
from server.adapters.storage.whose import BatchFile, owner_of
from server.adapters.store.attempts import Attempts
from server.adapters.store.commands import Commands
from server.adapters.store.locks import batch_erasure_locked
from server.kernel.errors import Conflict, Unavailable
from server.kernel.ids import Urn
from server.kernel.record import record
from server.mesh.batch.commands import EraseSubject
from server.mesh.batch.domain import files_made
from server.mesh.batch.facts_now import FactsNow
from server.mesh.batch.files import place_of
from server.mesh.batch.state import Batch, BatchStatus
from server.mesh.batch.stream import BATCHES
from server.mesh.contract.queries import terms_of_row
from server.mesh.erasure.batch_swap import Made, commit, event_of, every, outlived, standing
from server.mesh.erasure.objects import ErasedObjects
from server.mesh.events.runs import run_intent
from server.mesh.retention.named import named_by_log

LOOKS = 20  # at a batch that gets new files while it is looked through


@record
class Seen:
    """What a look at a batch found, and the version of it that was looked at."""

    version: int
    traces: Traces


class BatchEraser:
    """Takes a subject out of batches."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        commands: Commands,
        facts: FactsNow,
        storage: LocalStorage,
        engine: Engine,
        attempts: Attempts,
        objects: ErasedObjects,
    ) -> None:
        self._pool = pool
        self._commands = commands
        self._facts = facts
        self._storage = storage
        self._engine = engine
        self._attempts = attempts
        self._objects = objects

    async def look(self, batch: Urn, subject: Subject) -> Seen:
        """Where the subject stands in the batch now; nothing is changed."""
        for _ in range(LOOKS):
            loaded = await self._commands.load(BATCHES, batch)
            state = loaded.state
            assert state is not None, "batches that are listed stand"
            if state.status is BatchStatus.EXPIRED:
                return Seen(version=loaded.version, traces=Traces())
            try:
                return Seen(version=loaded.version, traces=await self._located(await self._files(state), subject))
            except ObjectMissing:
                continue
            except (duckdb.IOException, FileNotFoundError):
                if (await self._commands.load(BATCHES, batch)).version == loaded.version:
                    raise
        raise _restless(batch)

    async def erase(self, run: Run, deletion: Urn, batch: Urn, subject: Subject) -> int:
        """The batch's version at which nothing of the subject is in its files."""
        async with batch_erasure_locked(self._pool, batch):
            return await self._erase_alone(run, deletion, batch, subject)

    async def _erase_alone(self, run: Run, deletion: Urn, batch: Urn, subject: Subject) -> int:
        for _ in range(LOOKS):
            loaded = await self._commands.load(BATCHES, batch)
            state = loaded.state
            assert state is not None, "batches that are listed stand"
            if state.status is BatchStatus.EXPIRED:
                return loaded.version
            try:
                if not await self._erase(run, deletion, state, loaded.version, subject):
                    return loaded.version
            except (Conflict, ObjectMissing):  # it was replayed, published or let go meanwhile
                continue
            except (duckdb.IOException, FileNotFoundError):
                if (await self._commands.load(BATCHES, batch)).version == loaded.version:
                    raise
        raise _restless(batch)

    async def _erase(self, run: Run, deletion: Urn, state: Batch, version: int, subject: Subject) -> bool:
        """Whether something of the subject was there; then it is gone, and the caller looks again."""
        files = await self._files(state)
        traces = await self._located(files, subject)
        if not traces.found:
            return False
        done = await self._rewrite(deletion, state, files, traces, subject)
        if done is not None:
            await self._swap(run, deletion, state, version, done)
        return True

    async def _located(self, files: ErasureFiles, subject: Subject) -> Traces:
        return await self._engine.run(lambda cursor: locate(cursor, files, subject), heavy=True)

    async def _rewrite(
        self, deletion: Urn, state: Batch, files: ErasureFiles, traces: Traces, subject: Subject
    ) -> Made | None:
        """The new files in storage, which nobody reads yet; None where only samples had to change."""
        attempt, targets = await self._attempts.next(), self._targets(files)
        try:
            done = await self._engine.run(lambda cursor: rewrite(cursor, files, traces, subject, targets), heavy=True)
            # first of all: once the rows are gone from bronze, nobody can tell whose the masked samples are
            await self._replace_samples(deletion, files, targets, done)
            if not traces.touches_files:
                return None
            keys = await asyncio.to_thread(commit, self._storage, state, attempt, targets, done)
            return Made(keys=tuple(keys), erased=event_of(deletion, state, attempt, done, targets))
        finally:
            await asyncio.to_thread(remove_staged, *every(targets))

    async def _swap(self, run: Run, deletion: Urn, state: Batch, version: int, made: Made) -> None:
        """Let the new files count, if nothing at all has happened to the batch: a check meanwhile left new samples."""
        try:
            await self._commands.execute(
                BATCHES,
                state.batch,
                EraseSubject(erased=made.erased, made_of=files_made(state)),
                run_intent(run, f"/{made.erased.bronze}"),
                about=(deletion,),
                expected=version,
            )
        except Conflict:
            await self._discard(state.batch, made)
            raise
        gone = await asyncio.to_thread(outlived, self._storage, place_of(state), state, made.erased)
        await self._objects.remove(deletion, gone)

    async def _discard(self, batch: Urn, made: Made) -> None:
        """Remove files that no event names. Raw is named by its digest: whoever was faster may have made the same."""
        state = (await self._commands.load(BATCHES, batch)).state
        assert state is not None, "what stood stands"
        named = named_by_log(state)
        for key in made.keys:
            file = owner_of(key)
            if not (isinstance(file, BatchFile) and named.names(file)):
                await asyncio.to_thread(self._storage.delete, key)

    async def _replace_samples(self, deletion: Urn, files: ErasureFiles, targets: Targets, done: Rewritten) -> None:
        """Samples keep their key: the reports of checks name it."""
        for old, new in zip(files.samples, targets.samples, strict=True):
            if new not in done.written and new not in done.emptied:
                continue
            key = old.relative_to(self._storage.root).as_posix()
            if new in done.emptied:
                await self._objects.remove(deletion, [key])
            else:
                await self._objects.note(deletion, [key])
                await asyncio.to_thread(self._storage.exchange, new, key)

    def _targets(self, files: ErasureFiles) -> Targets:
        staging = self._storage.staging
        return Targets(
            raw=staging(),
            gaps=staging(),
            rejects=staging(),
            bronze=staging(),
            silver=staging(),
            gold=staging(),
            samples=tuple(staging() for _ in files.samples),
        )

    async def _files(self, state: Batch) -> ErasureFiles:
        columns = await self._facts.columns(state.dataset, state.schema_version)
        terms = terms_of_row(await self._facts.contracts.at_version(state.contract, state.contract_version))
        return await asyncio.to_thread(standing, self._storage, state, columns, terms.csv)


def _restless(batch: Urn) -> Unavailable:
    return Unavailable(f"{batch!r} gets new files again and again; the erasure goes on when it is asked for again")

"""The mesh put together: adapters into services, in the order in which they start, stopped in reverse."""

import importlib.metadata
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import duckdb

from server.adapters.engine.quality.check import validate
from server.adapters.engine.session import Engine
from server.adapters.engine.spill import spill_folder
from server.adapters.key_ring import KeyRing
from server.adapters.keys import load_key
from server.adapters.runs import Handler, ProcessKind, Recorded, RunBoard, RunSignals, RunWorker
from server.adapters.sealing import Sealer
from server.adapters.storage.local import LocalStorage
from server.adapters.storage.signing import Signer
from server.adapters.store.attempts import Attempts
from server.adapters.store.commands import Commands
from server.adapters.store.verify import verify
from server.database import Database, Store, open_store
from server.kernel.fields import Field
from server.kernel.quality import QualityRule
from server.kernel.record import record
from server.mesh.access.grants import Grants
from server.mesh.access.keys import Keys
from server.mesh.batch.facts_now import FactsNow
from server.mesh.batch.files import BatchFiles
from server.mesh.batch.handlers import BatchHandlers
from server.mesh.batch.previews import Previews
from server.mesh.batch.queries import BatchQueries
from server.mesh.batch.replay import Replays
from server.mesh.batch.rule_context import RuleContexts
from server.mesh.batch.service import BatchService
from server.mesh.batch.taken_keys import TakenKeys
from server.mesh.batch.uploads import Uploads
from server.mesh.contract.queries import ContractQueries
from server.mesh.contract.references import References
from server.mesh.contract.service import ContractService
from server.mesh.dataset.queries import DatasetQueries
from server.mesh.dataset.service import DatasetService
from server.mesh.events.own_runs import OwnRuns
from server.mesh.events.queries import EventQueries
from server.mesh.events.runs import Runs, recorded
from server.mesh.mesh import About, Mesh
from server.mesh.publishing.projector import DeltaProjector
from server.mesh.record.creation import RecordCreation
from server.mesh.record.creation_files import CreationFiles
from server.mesh.record.queries import Records
from server.mesh.record.streams import RecordStreams
from server.mesh.retention.expiry import Expiry
from server.mesh.retention.sweep import Sweeper
from server.mesh.rows.compact_files import CompactFiles
from server.mesh.rows.compaction import Compaction
from server.mesh.rows.sources import Sources
from server.settings import Settings


@record
class Assembly:
    """What the doors need and what stands behind them: the mesh, who may enter, the files, those who work on them."""

    mesh: Mesh
    keys: Keys
    storage: LocalStorage
    signer: Signer
    handlers: Mapping[ProcessKind, Handler]
    signals: RunSignals
    board: RunBoard
    own_runs: OwnRuns
    commands: Commands
    engine: Engine
    sources: Sources
    compaction: Compaction
    expiry: Expiry
    sweeper: Sweeper
    delta: DeltaProjector
    recorded: Recorded


@record
class _Tools:
    storage: LocalStorage
    engine: Engine
    signer: Signer
    sealer: Sealer
    ring: KeyRing
    attempts: Attempts


@record
class _Reads:
    datasets: DatasetQueries
    contracts: ContractQueries
    batches: BatchQueries
    facts: FactsNow
    compact_files: CompactFiles
    sources: Sources
    records: Records


@record
class _Work:
    board: RunBoard
    own_runs: OwnRuns
    runs: Runs
    files: BatchFiles
    keys: TakenKeys
    batches: BatchHandlers
    replays: Replays
    compaction: Compaction
    expiry: Expiry


def clock() -> datetime:
    """The time of this machine, in UTC."""
    return datetime.now(UTC)


@asynccontextmanager
async def assemble(settings: Settings, database: Database) -> AsyncGenerator[Assembly]:
    """Start the parts and connect them; stop them at the end."""
    async with AsyncExitStack() as stack:
        store = await open_store(database, stack)
        signals = await stack.enter_async_context(RunSignals(database.listen_dsn))
        tools = _open_tools(settings, database, stack)
        reads = _reads(database, store, tools)
        work = _work(database, store, tools, reads, RunBoard(database.pool, signals))
        storage, engine, copies = tools.storage, tools.engine, work.compaction.live_keys
        grace = timedelta(seconds=settings.sweep_grace_seconds)
        yield Assembly(
            mesh=_mesh(settings, database, store, tools, reads, work),
            keys=Keys(database.pool),
            storage=storage,
            signer=tools.signer,
            handlers=_handlers(work),
            signals=signals,
            board=work.board,
            own_runs=work.own_runs,
            commands=store.commands,
            engine=engine,
            sources=reads.sources,
            compaction=work.compaction,
            expiry=work.expiry,
            sweeper=Sweeper(database.pool, store.commands, store.log, storage, copies, grace, clock),
            delta=DeltaProjector(database.pool, store.log, storage, engine, reads.sources, reads.datasets, clock),
            recorded=partial(recorded, store.commands),
        )


def _open_tools(settings: Settings, database: Database, stack: AsyncExitStack) -> _Tools:
    """Storage, the engine on it, and the keys."""
    storage = LocalStorage(settings.data_dir / "lake")
    spill = stack.enter_context(spill_folder(settings.data_dir / "spill"))
    signing_key = load_key(_key_file(settings, settings.signing_key_file, "signing.key"))
    return _Tools(
        storage=storage,
        engine=stack.enter_context(_open_engine(settings, storage, spill)),
        signer=Signer([signing_key], clock),
        sealer=Sealer(signing_key),
        ring=KeyRing(privacy_key_file(settings)),
        attempts=Attempts(database.pool),
    )


def _reads(database: Database, store: Store, tools: _Tools) -> _Reads:
    """What is read of the catalog, and of rows."""
    datasets, contracts, batches = (
        DatasetQueries(store.reader),
        ContractQueries(store.reader),
        BatchQueries(store.reader),
    )
    compact_files = CompactFiles(database.pool)
    sources = Sources(batches, datasets, tools.storage, compact_files)
    return _Reads(
        datasets=datasets,
        contracts=contracts,
        batches=batches,
        facts=FactsNow(datasets, contracts),
        compact_files=compact_files,
        sources=sources,
        records=Records(tools.engine, sources, datasets, tools.sealer),
    )


def _work(database: Database, store: Store, tools: _Tools, reads: _Reads, board: RunBoard) -> _Work:
    """What moves data."""
    commands, facts, batches, sources = store.commands, reads.facts, reads.batches, reads.sources
    storage, engine, attempts = tools.storage, tools.engine, tools.attempts
    runs, own_runs = Runs(board, commands), OwnRuns(board)
    files = BatchFiles(storage, engine, tools.ring)
    keys = TakenKeys(database.pool, sources)
    contexts = RuleContexts(reads.datasets, sources, clock)
    compaction = Compaction(reads.compact_files, sources, reads.datasets, storage, engine, attempts)
    return _Work(
        board=board,
        own_runs=own_runs,
        runs=runs,
        files=files,
        keys=keys,
        batches=BatchHandlers(commands, files, facts, attempts, keys, contexts),
        replays=Replays(commands, runs, files, facts, batches, attempts, keys, contexts),
        compaction=compaction,
        expiry=Expiry(commands, own_runs, store.reader, batches, facts, storage, compaction),
    )


def _handlers(work: _Work) -> Mapping[ProcessKind, Handler]:
    return {
        ProcessKind.APPEND: work.batches.append,
        ProcessKind.QUALITY_CHECK: work.batches.check,
        ProcessKind.ANONYMIZE: work.batches.anonymize,
        ProcessKind.PUBLISH: work.batches.publish,
        ProcessKind.REPLAY: work.replays.handle,
        ProcessKind.COMPACT: work.compaction.handle,
        ProcessKind.EXPIRE: work.expiry.handle,
    }


def _mesh(settings: Settings, database: Database, store: Store, tools: _Tools, reads: _Reads, work: _Work) -> Mesh:
    """What resolvers see."""
    commands, datasets, contracts, facts = store.commands, reads.datasets, reads.contracts, reads.facts
    storage, engine, attempts = tools.storage, tools.engine, tools.attempts
    written = CreationFiles(storage, engine)
    references = References(database.pool, contracts, datasets)
    return Mesh(
        about=_about(database),
        public_read=settings.public_read,
        digest_key=tools.ring.first,
        reader=store.reader,
        datasets=datasets,
        dataset_service=DatasetService(commands, contracts),
        contracts=contracts,
        contract_service=ContractService(commands, datasets, check_quality, references),
        batches=reads.batches,
        batch_service=BatchService(commands, work.runs, work.files, facts),
        previews=Previews(commands, storage, engine, tools.ring, facts),
        replays=work.replays,
        records=reads.records,
        record_streams=RecordStreams(reads.records, engine, storage, tools.sealer, clock),
        record_creation=RecordCreation(commands, work.runs, facts, work.files, written, work.keys, attempts, clock),
        uploads=Uploads(tools.signer, clock, settings.max_upload_bytes),
        grants=Grants(commands, reads.batches, tools.signer, clock),
        events=EventQueries(store.log),
        runs=work.runs,
        feed=store.feed,
        verify=partial(verify, database.pool),
    )


def worker(settings: Settings, database: Database, parts: Assembly) -> RunWorker:
    """A worker for every kind of run."""
    return RunWorker(
        database.pool,
        parts.signals,
        parts.handlers,
        recorded=parts.recorded,
        max_concurrent=settings.max_concurrent_runs,
    )


def check_quality(rules: Sequence[QualityRule], fields: Sequence[Field]) -> None:
    """Refuse rules that the engine cannot judge. Raises: BadUserInput."""
    for rule in rules:
        validate(rule, fields)


def _open_engine(settings: Settings, storage: LocalStorage, spill: Path) -> Engine:
    threads = settings.engine_threads or os.cpu_count() or 1
    return Engine([storage.root], settings.engine_memory, threads, spill)


def privacy_key_file(settings: Settings) -> Path:
    """Where the secrets of tokens and pseudonyms stand."""
    return _key_file(settings, settings.privacy_key_file, "privacy.key")


def _key_file(settings: Settings, named: Path | None, name: str) -> Path:
    return named or settings.data_dir / "keys" / name


def _about(database: Database) -> About:
    return About(
        version=importlib.metadata.version("lakemesh"),
        database=database.label,
        storage="local",
        engine=f"DuckDB {duckdb.__version__}",
    )

"""The mesh put together: adapters into services, in the order in which they start, stopped in reverse."""

import importlib.metadata
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import duckdb

from server.adapters.engine.quality import validate
from server.adapters.engine.session import Engine
from server.adapters.keys import load_key
from server.adapters.postgres.connections import connect, connect_writer
from server.adapters.runs import Handler, ProcessKind, RunBoard, RunSignals, RunWorker
from server.adapters.storage.local import LocalStorage
from server.adapters.storage.signing import Signer
from server.adapters.store.attempts import Attempts
from server.adapters.store.commands import Commands
from server.adapters.store.feed import Feed
from server.adapters.store.intervals import IntervalWriter
from server.adapters.store.log import Log
from server.adapters.store.reader import Reader
from server.adapters.store.snapshots import Snapshots
from server.adapters.store.verify import verify
from server.adapters.store.writer import Writer
from server.database import Database
from server.kernel.fields import Field
from server.kernel.quality import QualityRule
from server.kernel.record import record
from server.mesh.access.grants import Grants
from server.mesh.access.keys import Keys
from server.mesh.batch.facts_now import FactsNow
from server.mesh.batch.files import BatchFiles
from server.mesh.batch.handlers import BatchHandlers
from server.mesh.batch.queries import BatchQueries
from server.mesh.batch.replay import Replays
from server.mesh.batch.service import BatchService
from server.mesh.batch.uploads import Uploads
from server.mesh.contract.queries import ContractQueries
from server.mesh.contract.service import ContractService
from server.mesh.dataset.queries import DatasetQueries
from server.mesh.dataset.service import DatasetService
from server.mesh.events.queries import EventQueries
from server.mesh.events.runs import Runs
from server.mesh.mesh import About, Mesh
from server.mesh.slices import CODEC, PROJECTIONS, TABLES
from server.settings import Settings


@record
class Assembly:
    """What the doors need: the mesh, who may enter, and the files."""

    mesh: Mesh
    keys: Keys
    storage: LocalStorage
    signer: Signer
    handlers: Mapping[ProcessKind, Handler]
    signals: RunSignals


@record
class _Store:
    commands: Commands
    feed: Feed
    log: Log
    reader: Reader


def clock() -> datetime:
    """The time of this machine, in UTC."""
    return datetime.now(UTC)


@asynccontextmanager
async def assemble(settings: Settings, database: Database) -> AsyncGenerator[Assembly]:
    """Start the parts and connect them; stop them at the end."""
    async with AsyncExitStack() as stack:
        store = await _open_store(database, stack)
        signals = await stack.enter_async_context(RunSignals(database.listen_dsn))
        storage = LocalStorage(settings.data_dir / "lake")
        engine = stack.enter_context(_open_engine(settings, storage))
        signer = Signer([load_key(_key_file(settings, settings.signing_key_file, "signing.key"))], clock)
        privacy_key = load_key(_key_file(settings, settings.privacy_key_file, "privacy.key"))
        datasets, contracts = DatasetQueries(store.reader), ContractQueries(store.reader)
        batches = BatchQueries(store.reader)
        facts = FactsNow(datasets, contracts)
        files = BatchFiles(storage, engine, privacy_key)
        attempts = Attempts(database.pool)
        runs = Runs(RunBoard(database.pool, signals), store.commands)
        batch_handlers = BatchHandlers(store.commands, files, facts, attempts)
        replays = Replays(store.commands, runs, files, facts, batches, attempts)
        mesh = Mesh(
            about=_about(database),
            public_read=settings.public_read,
            digest_key=privacy_key,
            reader=store.reader,
            datasets=datasets,
            dataset_service=DatasetService(store.commands),
            contracts=contracts,
            contract_service=ContractService(store.commands, datasets, check_quality),
            batches=batches,
            batch_service=BatchService(store.commands, runs, files, facts),
            replays=replays,
            uploads=Uploads(signer, clock, settings.max_upload_bytes),
            grants=Grants(store.commands, batches, signer, clock),
            events=EventQueries(store.log),
            runs=runs,
            feed=store.feed,
            verify=partial(verify, database.pool),
        )
        yield Assembly(
            mesh=mesh,
            keys=Keys(database.pool),
            storage=storage,
            signer=signer,
            handlers={
                ProcessKind.APPEND: batch_handlers.append,
                ProcessKind.QUALITY_CHECK: batch_handlers.check,
                ProcessKind.ANONYMIZE: batch_handlers.anonymize,
                ProcessKind.PUBLISH: batch_handlers.publish,
                ProcessKind.REPLAY: replays.handle,
            },
            signals=signals,
        )


def worker(settings: Settings, database: Database, parts: Assembly) -> RunWorker:
    """A worker for every kind of run."""
    return RunWorker(database.pool, parts.signals, parts.handlers, max_concurrent=settings.max_concurrent_runs)


def check_quality(rules: Sequence[QualityRule], fields: Sequence[Field]) -> None:
    """Refuse rules that the engine cannot judge. Raises: BadUserInput."""
    for rule in rules:
        validate(rule, fields)


async def _open_store(database: Database, stack: AsyncExitStack) -> _Store:
    log = Log(database.pool)
    feed = Feed(log, partial(connect, database.listen_dsn))
    writer = Writer(partial(connect_writer, database.dsn), CODEC, PROJECTIONS, IntervalWriter(TABLES), feed.wake)
    snapshots = Snapshots(database.pool)
    stack.push_async_callback(snapshots.drain)
    await writer.start()
    stack.push_async_callback(writer.stop)
    await feed.start()
    stack.push_async_callback(feed.stop)
    commands = Commands(database.pool, writer, CODEC, snapshots)
    # each read is one statement: a transaction around it would cost two more ways to Postgres
    reader = Reader(database.engine.execution_options(isolation_level="AUTOCOMMIT"))
    return _Store(commands=commands, feed=feed, log=log, reader=reader)


def _open_engine(settings: Settings, storage: LocalStorage) -> Engine:
    spill = settings.data_dir / "spill"
    spill.mkdir(mode=0o700, parents=True, exist_ok=True)
    threads = settings.engine_threads or os.cpu_count() or 1
    return Engine([storage.root], settings.engine_memory, threads, spill)


def _key_file(settings: Settings, named: Path | None, name: str) -> Path:
    return named or settings.data_dir / "keys" / name


def _about(database: Database) -> About:
    return About(
        version=importlib.metadata.version("lakemesh"),
        database=database.label,
        storage="local",
        engine=f"DuckDB {duckdb.__version__}",
    )

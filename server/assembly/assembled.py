"""The mesh put together: adapters into services, in the order in which they start, stopped in reverse."""

import importlib.metadata
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial

import duckdb

from server.adapters.checkpoints.writer import Checkpoints
from server.adapters.engine.quality.check import validate
from server.adapters.engine.session import Engine
from server.adapters.runs import Handler, ProcessKind, Recorded, RunBoard, RunSignals, RunWorker
from server.adapters.storage.local import LocalStorage
from server.adapters.storage.signing import Signer
from server.adapters.store.commands import Commands
from server.adapters.store.verify import verify
from server.assembly.checkpoints import open_checkpoints
from server.assembly.compliance import Compliance, open_compliance
from server.assembly.erasure import open_erasure
from server.assembly.foundation import Foundation
from server.assembly.lineage import open_lineage
from server.assembly.reads import open_reads
from server.assembly.tools import clock, open_tools
from server.assembly.work import handlers, open_work
from server.database import Database, open_store
from server.kernel.fields import Field
from server.kernel.quality import QualityRule
from server.kernel.record import record
from server.mesh.access.grants import Grants
from server.mesh.access.keys import Keys
from server.mesh.batch.previews import Previews
from server.mesh.batch.service import BatchService
from server.mesh.batch.uploads import Uploads
from server.mesh.contract.references import References
from server.mesh.contract.service import ContractService
from server.mesh.dataset.places import Places
from server.mesh.dataset.service import DatasetService
from server.mesh.deletion.monitor import DeadlineMonitor
from server.mesh.domain.service import DomainService
from server.mesh.erasure.reappearance import Reappearances
from server.mesh.events.checkpoints import CheckpointQueries
from server.mesh.events.own_runs import OwnRuns
from server.mesh.events.queries import EventQueries
from server.mesh.events.runs import recorded
from server.mesh.history.differences import Differences
from server.mesh.lineage.following.follower import LineageFollower
from server.mesh.mesh import About, Mesh
from server.mesh.product.deletion import ProductDeletion
from server.mesh.product.limit import ProductLimit
from server.mesh.product.service import ProductService
from server.mesh.publishing.projector import DeltaProjector
from server.mesh.record.creation import RecordCreation
from server.mesh.record.creation_files import CreationFiles
from server.mesh.record.streams import RecordStreams
from server.mesh.retention.expiry import Expiry
from server.mesh.retention.sweep import Sweeper
from server.mesh.rows.compaction import Compaction
from server.mesh.rows.sources import Sources
from server.mesh.search.queries import SearchQueries
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
    reappearances: Reappearances
    deadlines: DeadlineMonitor
    checkpoints: Checkpoints
    recorded: Recorded
    follower: LineageFollower


@asynccontextmanager
async def assemble(settings: Settings, database: Database) -> AsyncGenerator[Assembly]:
    """Start the parts and connect them; stop them at the end."""
    async with AsyncExitStack() as stack:
        store = await open_store(database, stack)
        signals = await stack.enter_async_context(RunSignals(database.listen_dsn))
        tools = open_tools(settings, database, stack)
        reads = open_reads(database, store, tools, open_lineage(settings, database, store, stack))
        work = open_work(database, store, tools, reads, RunBoard(database.pool, signals))
        base = Foundation(settings=settings, database=database, store=store, tools=tools, reads=reads, work=work)
        compliance = open_compliance(base)
        delta = DeltaProjector(
            database.pool, store.log, tools.storage, tools.engine, reads.sources, reads.datasets, clock
        )
        erasure = open_erasure(base, delta)
        storage, engine, copies = tools.storage, tools.engine, work.compaction.live_keys
        grace = timedelta(seconds=settings.sweep_grace_seconds)
        yield Assembly(
            mesh=_mesh(base, compliance),
            keys=Keys(database.pool),
            storage=storage,
            signer=tools.signer,
            handlers={**handlers(work), ProcessKind.ERASE: erasure.run.handle},
            signals=signals,
            board=work.board,
            own_runs=work.own_runs,
            commands=store.commands,
            engine=engine,
            sources=reads.sources,
            compaction=work.compaction,
            expiry=work.expiry,
            sweeper=Sweeper(database.pool, store.commands, store.log, storage, copies, grace, clock),
            delta=delta,
            reappearances=erasure.reappearances,
            deadlines=compliance.deadlines,
            checkpoints=open_checkpoints(settings, database, tools),
            recorded=partial(recorded, store.commands),
            follower=reads.lineage.follower,
        )


def _mesh(base: Foundation, compliance: Compliance) -> Mesh:
    """What resolvers see."""
    settings, database, store, tools = base.settings, base.database, base.store, base.tools
    reads, work, audit = base.reads, base.work, compliance.access_audit
    commands, datasets, contracts, facts = store.commands, reads.datasets, reads.contracts, reads.facts
    storage, engine, attempts = tools.storage, tools.engine, tools.attempts
    pool, lineage, written = database.pool, reads.lineage, CreationFiles(storage, engine)
    places = Places(pool, reads.products, reads.domains)
    return Mesh(
        about=_about(database),
        public_read=settings.public_read,
        digest_key=tools.ring.first,
        reader=store.reader,
        datasets=datasets,
        domains=reads.domains,
        domain_service=DomainService(commands),
        products=reads.products,
        product_service=ProductService(commands, reads.domains, ProductLimit(pool, settings.max_products)),
        product_deletion=ProductDeletion(pool, commands, datasets, reads.batches, lineage.service, clock),
        dataset_service=DatasetService(commands, contracts, places, reads.memberships),
        assets=lineage.assets,
        lineages=lineage.queries,
        analytics=lineage.analytics,
        census=lineage.census,
        columns=lineage.columns,
        impacts=lineage.impacts,
        lineage_service=lineage.service,
        contracts=contracts,
        contract_service=ContractService(commands, datasets, check_quality, References(pool, contracts, datasets)),
        batches=reads.batches,
        batch_service=BatchService(commands, work.runs, work.files, facts),
        previews=Previews(commands, storage, engine, tools.ring, facts),
        replays=work.replays,
        records=reads.records,
        record_streams=RecordStreams(reads.records, engine, storage, tools.sealer, audit, clock),
        record_creation=RecordCreation(commands, work.runs, facts, work.files, written, work.keys, attempts, clock),
        access_audit=audit,
        access=compliance.access,
        reveals=compliance.reveals,
        uploads=Uploads(tools.signer, clock, settings.max_upload_bytes),
        grants=Grants(commands, reads.batches, audit, tools.signer, clock),
        search=SearchQueries(pool),
        lakes=reads.lakes,
        lake_service=compliance.lake_service,
        deletions=reads.deletions,
        deletion_service=compliance.deletion_service,
        receipts=compliance.receipts,
        erasures=compliance.erasures,
        events=EventQueries(store.log),
        checkpoints=CheckpointQueries(pool),
        differences=Differences(pool, public_read=settings.public_read),
        runs=work.runs,
        feed=store.feed,
        reports=compliance.reports,
        audit_exports=compliance.audit_exports,
        verify=partial(verify, pool),
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


def _about(database: Database) -> About:
    return About(
        version=importlib.metadata.version("lakemesh"),
        database=database.label,
        storage="local",
        engine=f"DuckDB {duckdb.__version__}",
    )

"""The mesh as its doors see it: every service and query of the slices, put together once."""

from collections.abc import Awaitable, Callable

from server.adapters.store.feed import Feed
from server.adapters.store.reader import Reader
from server.adapters.store.verify import Verification
from server.kernel.record import record
from server.mesh.access.grants import Grants
from server.mesh.audit.queries import AccessQueries
from server.mesh.audit.reveals import Reveals
from server.mesh.audit.service import AccessAudit
from server.mesh.batch.previews import Previews
from server.mesh.batch.queries import BatchQueries
from server.mesh.batch.replay import Replays
from server.mesh.batch.service import BatchService
from server.mesh.batch.uploads import Uploads
from server.mesh.compliance.export import AuditExports
from server.mesh.compliance.report import Reports
from server.mesh.contract.queries import ContractQueries
from server.mesh.contract.service import ContractService
from server.mesh.dataset.queries import DatasetQueries
from server.mesh.dataset.service import DatasetService
from server.mesh.deletion.queries import DeletionQueries
from server.mesh.deletion.receipt import Receipts
from server.mesh.deletion.service import DeletionService
from server.mesh.domain.queries import DomainQueries
from server.mesh.domain.service import DomainService
from server.mesh.erasure.service import Erasures
from server.mesh.events.checkpoints import CheckpointQueries
from server.mesh.events.queries import EventQueries
from server.mesh.events.runs import Runs
from server.mesh.history.differences import Differences
from server.mesh.lake.queries import LakeQueries
from server.mesh.lake.service import LakeService
from server.mesh.lineage.analytics.census import Census
from server.mesh.lineage.analytics.graph import LineageAnalytics
from server.mesh.lineage.assets import Assets
from server.mesh.lineage.columns.graphs import ColumnGraphs
from server.mesh.lineage.impact import Impacts
from server.mesh.lineage.queries import LineageQueries
from server.mesh.lineage.service import LineageService
from server.mesh.product.deletion import ProductDeletion
from server.mesh.product.queries import ProductQueries
from server.mesh.product.service import ProductService
from server.mesh.record.creation import RecordCreation
from server.mesh.record.queries import Records
from server.mesh.record.streams import RecordStreams
from server.mesh.search.queries import SearchQueries


@record
class About:
    """What the server says of itself: versions, never paths or addresses."""

    version: str
    database: str
    storage: str
    engine: str


@record
class Mesh:
    """What resolvers may use. `digest_key`: 32 bytes for the digests of inputs."""

    about: About
    public_read: bool
    digest_key: bytes
    reader: Reader
    domains: DomainQueries
    domain_service: DomainService
    products: ProductQueries
    product_service: ProductService
    product_deletion: ProductDeletion
    datasets: DatasetQueries
    dataset_service: DatasetService
    assets: Assets
    lineages: LineageQueries
    analytics: LineageAnalytics
    census: Census
    columns: ColumnGraphs
    impacts: Impacts
    lineage_service: LineageService
    contracts: ContractQueries
    contract_service: ContractService
    batches: BatchQueries
    batch_service: BatchService
    previews: Previews
    replays: Replays
    access_audit: AccessAudit
    access: AccessQueries
    reveals: Reveals
    record_creation: RecordCreation
    records: Records
    record_streams: RecordStreams
    uploads: Uploads
    grants: Grants
    search: SearchQueries
    lakes: LakeQueries
    lake_service: LakeService
    deletions: DeletionQueries
    deletion_service: DeletionService
    receipts: Receipts
    erasures: Erasures
    events: EventQueries
    checkpoints: CheckpointQueries
    differences: Differences
    runs: Runs
    feed: Feed
    reports: Reports
    audit_exports: AuditExports
    verify: Callable[[int], Awaitable[Verification]]

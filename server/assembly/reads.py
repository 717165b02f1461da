"""What is read of the catalog, of rows and of lineage."""

from server.assembly.lineage import LineageParts
from server.assembly.tools import Tools
from server.database import Database, Store
from server.kernel.record import record
from server.mesh.batch.facts_now import FactsNow
from server.mesh.batch.queries import BatchQueries
from server.mesh.contract.queries import ContractQueries
from server.mesh.dataset.queries import DatasetQueries
from server.mesh.deletion.queries import DeletionQueries
from server.mesh.domain.queries import DomainQueries
from server.mesh.lake.membership import Memberships
from server.mesh.lake.queries import LakeQueries
from server.mesh.product.queries import ProductQueries
from server.mesh.record.queries import Records
from server.mesh.rows.compact_files import CompactFiles
from server.mesh.rows.sources import Sources


@record
class Reads:
    """The questions that services share; most know a position."""

    domains: DomainQueries
    products: ProductQueries
    datasets: DatasetQueries
    contracts: ContractQueries
    batches: BatchQueries
    lakes: LakeQueries
    deletions: DeletionQueries
    memberships: Memberships
    facts: FactsNow
    compact_files: CompactFiles
    sources: Sources
    records: Records
    lineage: LineageParts


def open_reads(database: Database, store: Store, tools: Tools, lineage: LineageParts) -> Reads:
    """Connect what reads; `lineage` is open already."""
    datasets, batches = DatasetQueries(store.reader), BatchQueries(store.reader)
    contracts = ContractQueries(store.reader)
    memberships = Memberships(database.pool)
    compact_files = CompactFiles(database.pool)
    sources = Sources(batches, datasets, tools.storage, compact_files)
    return Reads(
        domains=DomainQueries(store.reader),
        products=ProductQueries(store.reader),
        datasets=datasets,
        contracts=contracts,
        batches=batches,
        lakes=LakeQueries(store.reader),
        deletions=DeletionQueries(store.reader),
        memberships=memberships,
        facts=FactsNow(datasets, contracts, memberships),
        compact_files=compact_files,
        sources=sources,
        records=Records(tools.engine, sources, datasets, tools.sealer),
        lineage=lineage,
    )

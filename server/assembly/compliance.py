"""The parts of compliance put together: lakes, erasure requests and their deadlines, the audit of access, reports."""

from server.assembly.foundation import Foundation
from server.assembly.tools import clock
from server.kernel.record import record
from server.mesh.audit.places import ReadPlaces
from server.mesh.audit.queries import AccessQueries
from server.mesh.audit.reveals import Reveals
from server.mesh.audit.service import AccessAudit
from server.mesh.compliance.export import AuditExports
from server.mesh.compliance.report import Reports
from server.mesh.deletion.monitor import DeadlineMonitor
from server.mesh.deletion.receipt import Receipts
from server.mesh.deletion.service import DeletionService
from server.mesh.erasure.service import Erasures
from server.mesh.lake.bare_batches import BareBatches
from server.mesh.lake.service import LakeService


@record
class Compliance:
    """What decides on lakes and on erasure requests, what records accesses, and what shows all that."""

    lake_service: LakeService
    deletion_service: DeletionService
    receipts: Receipts
    erasures: Erasures
    deadlines: DeadlineMonitor
    access_audit: AccessAudit
    access: AccessQueries
    reveals: Reveals
    reports: Reports
    audit_exports: AuditExports


def open_compliance(base: Foundation) -> Compliance:
    """Connect them."""
    pool, store, tools, reads = base.database.pool, base.store, base.tools, base.reads
    commands, deletions, subjects, key = store.commands, reads.deletions, tools.subjects, tools.checkpoint_key
    bare = BareBatches(reads.batches, reads.facts)
    erasures = Erasures(pool, commands, base.work.runs, deletions)
    audit = AccessAudit(commands, ReadPlaces(pool))
    return Compliance(
        lake_service=LakeService(commands, reads.datasets, reads.memberships, bare, store.belonging.forget),
        deletion_service=DeletionService(pool, commands, store.log, deletions, subjects),
        receipts=Receipts(store.log, deletions, key),
        erasures=erasures,
        deadlines=DeadlineMonitor(pool, commands, subjects, erasures, erase=base.settings.erase_at_deadline),
        access_audit=audit,
        access=AccessQueries(store.reader),
        reveals=Reveals(audit, reads.datasets, tools.ring, subjects, deletions),
        reports=Reports(pool),
        audit_exports=AuditExports(pool, reads.lakes, tools.sealer, key, clock),
    )

"""The parts of an erasure put together: who takes a subject out of every place, who sees it come back."""

from server.assembly.foundation import Foundation
from server.assembly.tools import clock
from server.kernel.record import record
from server.mesh.erasure.batch_eraser import BatchEraser
from server.mesh.erasure.common_ids import CommonIds
from server.mesh.erasure.elsewhere import Elsewhere
from server.mesh.erasure.leftovers import Leftovers
from server.mesh.erasure.objects import ErasedObjects
from server.mesh.erasure.outcome import Outcomes
from server.mesh.erasure.quiet import Quiet
from server.mesh.erasure.reappearance import Reappearances
from server.mesh.erasure.run import ErasureParts, ErasureRun
from server.mesh.erasure.texts import StoredTexts
from server.mesh.publishing.projector import DeltaProjector


@record
class ErasureWork:
    """What does the runs of kind ERASE, and what looks for subjects that come back."""

    run: ErasureRun
    reappearances: Reappearances


def open_erasure(base: Foundation, delta: DeltaProjector) -> ErasureWork:
    """Connect what erases; everything that it clears is open already."""
    tools, reads, work = base.tools, base.reads, base.work
    pool, storage, engine, commands = base.database.pool, tools.storage, tools.engine, base.store.commands
    objects = ErasedObjects(pool, storage)
    leftovers = Leftovers(pool, storage, objects, work.compaction.live_keys)
    eraser = BatchEraser(pool, commands, reads.facts, storage, engine, tools.attempts, objects)
    parts = ErasureParts(
        commands=commands,
        deletions=reads.deletions,
        subjects=tools.subjects,
        batches=reads.batches,
        eraser=eraser,
        common_ids=CommonIds(reads.batches, eraser),
        elsewhere=Elsewhere(
            pool,
            storage,
            engine,
            objects,
            leftovers,
            reads.compact_files,
            work.compaction,
            delta,
            StoredTexts(pool),
            base.settings.data_dir / "spill",
        ),
        objects=objects,
        outcomes=Outcomes(pool),
        quiet=Quiet(pool, work.board),
    )
    seen = Reappearances(pool, commands, reads.facts, tools.subjects, storage, engine)
    return ErasureWork(run=ErasureRun(parts, clock), reappearances=seen)

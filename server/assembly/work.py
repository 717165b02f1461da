"""What moves data: the handlers of runs and what they share."""

from collections.abc import Mapping

from server.adapters.runs import Handler, ProcessKind, RunBoard
from server.assembly.reads import Reads
from server.assembly.tools import Tools, clock
from server.database import Database, Store
from server.kernel.record import record
from server.mesh.batch.files import BatchFiles
from server.mesh.batch.handlers import BatchHandlers
from server.mesh.batch.replay import Replays
from server.mesh.batch.rule_context import RuleContexts
from server.mesh.batch.taken_keys import TakenKeys
from server.mesh.events.own_runs import OwnRuns
from server.mesh.events.runs import Runs
from server.mesh.retention.expiry import Expiry
from server.mesh.rows.compaction import Compaction


@record
class Work:
    """What runs are made of. `board`: where they wait; `keys`: primary keys that data in work has taken."""

    board: RunBoard
    own_runs: OwnRuns
    runs: Runs
    files: BatchFiles
    keys: TakenKeys
    batches: BatchHandlers
    replays: Replays
    compaction: Compaction
    expiry: Expiry


def open_work(database: Database, store: Store, tools: Tools, reads: Reads, board: RunBoard) -> Work:
    """Connect what moves data."""
    commands, facts, batches, sources = store.commands, reads.facts, reads.batches, reads.sources
    storage, engine, attempts = tools.storage, tools.engine, tools.attempts
    runs, own_runs = Runs(board, commands), OwnRuns(board)
    files = BatchFiles(storage, engine, tools.ring)
    keys = TakenKeys(database.pool, sources)
    contexts = RuleContexts(reads.datasets, sources, clock)
    compaction = Compaction(reads.compact_files, sources, reads.datasets, storage, engine, attempts)
    return Work(
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


def handlers(work: Work) -> Mapping[ProcessKind, Handler]:
    """Who does which kind of run."""
    return {
        ProcessKind.APPEND: work.batches.append,
        ProcessKind.QUALITY_CHECK: work.batches.check,
        ProcessKind.ANONYMIZE: work.batches.anonymize,
        ProcessKind.PUBLISH: work.batches.publish,
        ProcessKind.REPLAY: work.replays.handle,
        ProcessKind.COMPACT: work.compaction.handle,
        ProcessKind.EXPIRE: work.expiry.handle,
    }
